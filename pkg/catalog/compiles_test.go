package catalog

import "testing"

// TestOutputSchemaThatDoesNotCompile: the TypeScript SDK refuses the whole list for one such schema; its tool stays, without it.
func TestOutputSchemaThatDoesNotCompile(t *testing.T) {
	for members, stays := range map[string]bool{
		`"properties":{"a":{"type":"strin"}}`:                                                false,
		`"properties":{"a":{"type":null}}`:                                                   false,
		`"properties":{"a":{"type":["string","text"]}}`:                                      false,
		`"properties":{"a":{"properties":{"b":null}}}`:                                       false,
		`"properties":{"a":{"enum":[]}}`:                                                     false,
		`"properties":{"a":{"required":true}}`:                                               false,
		`"properties":{"a":{"minimum":0,"exclusiveMinimum":true}}`:                           false, // draft 4
		`"properties":{"a":{"maxLength":"5"}}`:                                               false,
		`"properties":{"a":{"nullable":true}}`:                                               false, // OpenAPI
		`"properties":{"a":{"nullable":true,"type":"string"}}`:                               true,
		`"$ref":"#/nope"`:                                                                    false,
		`"properties":{"a":{"items":{"$ref":"#/$defs/A"}}}`:                                  false,
		`"properties":{"a":{"$ref":"other.json"}}`:                                           false,
		`"properties":{"a":{"$ref":"#anchor"}}`:                                              false,
		`"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"x"}}`:                 false,
		`"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"items":{"$ref":"#"}}}`:       true,
		`"properties":{"a":{"$ref":"#/$defs/A~1B%20c"}},"$defs":{"A/B c":{"type":"object"}}`: true,
		`"properties":{"a":{"$ref":"#/allOf/0"}},"allOf":[{}]`:                               true,
		`"properties":{"a":{"$ref":"http://json-schema.org/draft-07/schema#"}}`:              true,
		`"properties":{"a":{"$id":"x","$ref":"#b"}}`:                                         true, // not judged
		`"$defs":{"unused":{"type":"x"}}`:                                                    true,
		`"properties":{"a":{"default":{"type":"x"},"enum":[{"type":5}],"const":null}}`:       true,
		`"properties":{"a":{"anyOf":[{"type":"x"},{}]}}`:                                     true, // passed over
		`"properties":{"a":{"anyOf":[{"type":"x"},{"type":"null"}]}}`:                        false,
		`"properties":{"a":{"oneOf":[{"type":"x"}]}}`:                                        false,
		`"properties":{"a":{"items":[{"type":"string"}],"prefixItems":[{}]}}`:                true,
		`"properties":{"a":{"additionalProperties":{"type":"any"}}}`:                         false,
		`"properties":{"type":{"type":"string"},"enum":{},"required":{"type":"boolean"}}`:    true,
		`"properties":{"a":{"format":"unknown","x-foreign":{"type":"x"},"examples":[null]}}`: true,
		`"$schema":"https://json-schema.org/draft/2020-12/schema","unevaluatedItems":false`:  true,
		`"properties":{"a":{"pattern":"("}}`:                                                 false,
		`"properties":{"a":{"pattern":"[a-z"}}`:                                              false,
		`"properties":{"a":{"pattern":"a)"}}`:                                                false,
		`"properties":{"a":{"pattern":"(?i)abc"}}`:                                           false,
		`"properties":{"a":{"pattern":"(?P<n>x)"}}`:                                          false,
		`"properties":{"a":{"pattern":"\\A\\d+\\Z"}}`:                                        false,
		`"properties":{"a":{"pattern":"a\\_b\\@"}}`:                                          false,
		`"properties":{"a":{"pattern":"^[\\w\\-\\.]+$"}}`:                                    true,
		`"properties":{"a":{"pattern":"^(?<n>x)(?:y)(?!z)(?<=q)\\k<n>[(]\\/$"}}`:             true,
		`"properties":{"a":{"pattern":"\\-"}}`:                                               false,
		`"properties":{"a":{"pattern":"[]"}}`:                                                true,
		`"properties":{"a":{"pattern":"é\\p{L}\\u00e9\\x41[^\\]]"}}`:                         true,
		`"properties":{"a":{"pattern":"a\\"}}`:                                               false,
		`"properties":{"a":{"patternProperties":{"(":{"type":"string"}}}}`:                   false,
		`"required":null`: true,
	} {
		if got := compiles([]byte(`{"type":"object",` + members + `}`)); got != stays {
			t.Errorf("%s: compiles is %v", members, got)
		}
	}
	got, err := Tools.fit([]byte(`{"name":"t","outputSchema":{"properties":{"a":{"nullable":true}}},"inputSchema":{"type":"object"}}`))
	if want := `{"name":"t","inputSchema":{"type":"object"}}`; err != nil || string(got) != want {
		t.Errorf("%s %v, not %s", got, err, want)
	}
}
