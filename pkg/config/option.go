package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// An option of the file is described once, in a table per object: serverOptions, oauthOptions, isolationOptions and fileOptions. Reading it,
// its part of the launch, copying it to another file, what a review shows, the README's tables and the JSON schema are made from that.

// option is an option of an object of type T.
type option[T any] struct {
	name     string
	kind     string   // its type, for people; "": that of its field
	takes    string   // another JSON type that is read as well; "": none
	required string   // of an entry: "yes", or the protocol that needs it; "": no
	meaning  string   // its sentence, in Markdown
	more     string   // what the README says behind that
	values   []string // what it can be; nil: anything of its type
	loose    bool     // other clients' words for these are read as well
	standard any      // what it is where it is not written; nil: nothing
	broken   any      // what it counts as where it can't be read; nil: that
	least    int64    // the smallest number that it can be
	most     int64
	remedy   string // what to write instead, at the top of the file

	aside  bool // it is no part of the launch: it decides neither what is run nor what is reached
	person bool // it is for a person to set, and for no tool

	field func(*T) any                   // the pointer to where it is kept, which tells how it is read and written
	read  func(*entry, *T, hujson.Value) // reads it; nil: as its field tells
	get   func(*T) any                   // what it is set to, where its field does not tell; nil: nothing
	set   func(to, from *T)              // copies it, where it is more than its field
	fault func(text string) *fault       // what is wrong with a text; nil: characters that can't be printed
	also  []string                       // names that it has in the object form of other clients

	refs        bool   // its texts may have references
	pinned      bool   // its default stands in a launch as well
	emptyCounts bool   // an empty list is another one than none
	purpose     string // what the hashes of its values are made with; "": its name

	local     bool          // of an entry: it means nothing to a server elsewhere, and is warned of there
	remote    bool          // of an entry: it means nothing to a program of this machine
	people    bool          // of oauth: it means nothing to a login without a person
	top       bool          // of isolation: it counts at the top of the user's own file only
	docker    bool          // of isolation: it says how docker does it, and means nothing to a sandbox
	container bool          // of isolation: only a container gives it
	beyond    func(*T) bool // of isolation: it asks for what only a container gives; nil: it never does
}

type options[T any] []option[T]

// named returns the option of that name, or nil.
func (all options[T]) named(name string) *option[T] {
	if i := slices.IndexFunc(all, func(o option[T]) bool { return o.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// typeName is the option's type, for people.
func (o *option[T]) typeName() string {
	if o.kind != "" {
		return o.kind
	}
	switch o.field(new(T)).(type) {
	case *bool:
		return "boolean"
	case *int, *int64, *float64:
		return "number"
	case *time.Duration:
		return "duration"
	case *[]string, *[]Mount:
		return "array"
	case *[]Var, **OAuth, **Isolation:
		return "object"
	}
	return "string"
}

// text is the option's value where it is one text.
func (o *option[T]) text(t *T) (text string, is bool) {
	switch p := o.field(t).(type) {
	case *string:
		return *p, true
	case *Secret:
		return p.Reveal(), true
	}
	return "", false
}

// members reads an object of options, warning of unknown ones. In the object form, some have other clients' names as well.
func members[T any](e *entry, v hujson.Value, all options[T]) (map[string]hujson.Value, bool) {
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		e.fail(v, kindName(v), e.key+" must be an object", "write {…}, or remove it")
		return nil, false
	}
	members, seen := map[string]hujson.Value{}, map[string]bool{}
	for _, m := range obj.Members {
		key, remedy := keyOf(m), ""
		if i := slices.IndexFunc(all, func(o option[T]) bool { return slices.Contains(o.also, key) }); i >= 0 {
			if e.server.objectForm {
				key = all[i].name
			} else {
				remedy = "did you mean " + all[i].name + "?"
			}
		}
		if seen[key] {
			e.fail(m.Name, excerpt(keyOf(m)), e.key+" has this option twice, and only one could count", "remove one of the two")
			continue
		}
		seen[key] = true
		switch known := all.named(key) != nil; {
		case known && m.Value.Value.Kind() != 'n':
			members[key] = m.Value
		case known:
		case e.key == keyIsolation: // it may well have asked for less
			remedy = cmp.Or(remedy, suggest(key, all.names()))
			e.fail(m.Name, excerpt(key), "isolation has no such option, and what it asks for could not be given", remedy)
		default:
			remedy = cmp.Or(remedy, suggest(key, all.names()))
			e.dropAs(m.Name, key, e.key+"."+key, "unknown option of "+e.key+", ignored", remedy)
		}
	}
	return members, true
}

// readAll reads the members of an object; prefix is what stands in front of their names in messages.
func readAll[T any](e *entry, prefix string, members map[string]hujson.Value, all options[T], t *T) {
	for i := range all {
		if at, ok := members[all[i].name]; ok {
			e.key = prefix + all[i].name
			all[i].decode(e, t, at)
		}
	}
}

// names are the names of all options that can be suggested.
func (all options[T]) names() []string {
	var names []string
	for _, o := range all {
		if !o.top {
			names = append(names, o.name)
		}
	}
	return names
}

// decode reads the option's value into t.
func (o *option[T]) decode(e *entry, t *T, at hujson.Value) {
	if o.read != nil {
		o.read(e, t, at)
		return
	}
	switch p := o.field(t).(type) {
	case *string:
		if o.values != nil && !o.refs {
			otherwise, _ := o.standard.(string)
			*p = e.choice(at, otherwise, o.values)
			return
		}
		*p = e.filled(at)
	case *Secret:
		*p = Secret(e.filled(at))
	case *bool:
		*p = e.boolean(at, o.broken == true)
	case *time.Duration:
		e.duration(at, p, o.standard == nil)
	default:
		panic("the option " + o.name + " has no way to be read")
	}
}

// value is what the option is set to; nil where that is nothing, or its default unless that counts too.
func (o *option[T]) value(t *T, defaults bool) any {
	switch {
	case o.get != nil:
		return o.get(t)
	case o.field == nil: // it stands for another one
		return nil
	}
	v := reflect.ValueOf(o.field(t)).Elem()
	switch {
	case v.Kind() == reflect.Slice && v.Len() == 0 && !(o.emptyCounts && !v.IsNil()),
		v.Kind() == reflect.String && v.Len() == 0,
		o.standard == nil && v.IsZero(),
		o.standard != nil && !defaults && o.standard == v.Interface():
		return nil
	}
	return v.Interface()
}

// beyondSandbox tells whether the option asks for what only a container gives.
func (o *option[T]) beyondSandbox(t *T) bool {
	return o.container && o.value(t, false) != nil || o.beyond != nil && o.beyond(t)
}

// copy sets the option in to as it is in from.
func (o *option[T]) copy(to, from *T) {
	if o.set != nil {
		o.set(to, from)
		return
	}
	reflect.ValueOf(o.field(to)).Elem().Set(reflect.ValueOf(o.field(from)).Elem())
}

// mapped sends each text of t that may have references through change, which is given the option's full name. t is a copy already.
func (all options[T]) mapped(t *T, prefix string, change func(option, text string) string) *T {
	for _, o := range all {
		if !o.refs {
			continue
		}
		option := prefix + o.name
		switch p := o.field(t).(type) {
		case *string:
			*p = change(option, *p)
		case *Secret:
			*p = Secret(change(option, p.Reveal()))
		case *[]string:
			*p = slices.Clone(*p)
			for i, text := range *p {
				(*p)[i] = change(fmt.Sprintf("%s[%d]", option, i), text)
			}
		case *[]Var:
			*p = slices.Clone(*p)
			for i, v := range *p {
				(*p)[i].Value = change(option+"."+v.Name, v.Value)
			}
		case *[]Mount:
			*p = slices.Clone(*p)
			for i, m := range *p {
				(*p)[i] = m.mapped(fmt.Sprintf("%s[%d]", option, i), change)
			}
		}
	}
	return t
}

// launch is what stands of t in the launch of s: the options that are not at their defaults. shown puts values in the place of their hashes.
func (all options[T]) launch(s *Server, t *T, shown bool) map[string]any {
	launch := map[string]any{}
	for i := range all {
		o := &all[i]
		if o.aside {
			continue
		}
		value := o.value(t, o.pinned)
		switch v := value.(type) {
		case nil:
			continue
		case *OAuth:
			value = oauthOptions.launch(s, v, shown)
		case *Isolation:
			if !v.Confined() {
				continue
			}
			value = v.launch(s, shown)
		case Secret:
			hashed := s.launchValue("oauth", o.name, v.Reveal(), shown)
			hashed.Name = ""
			value = hashed
		case environment:
			if len(v.unset) > 0 {
				launch["unset_env"] = v.unset
			}
			if len(v.vars) == 0 {
				continue
			}
			value = s.launchVars(o.name, v.vars, shown)
		case []Var:
			value = s.launchVars(cmp.Or(o.purpose, o.name), v, shown)
		case []Mount:
			mounts := make([]launchMount, len(v))
			for n, m := range v {
				mounts[n] = launchMount(m)
			}
			value = mounts
		}
		launch[o.name] = value
	}
	return launch
}

// written are the options of t as another file has them: all that are not at their defaults.
func (all options[T]) written(t *T) []Option {
	var written []Option
	for i := range all {
		value := all[i].value(t, false)
		switch v := value.(type) {
		case nil:
			continue
		case environment:
			value = v.written()
		case *OAuth:
			value = v.Written()
		case *Isolation:
			value = v.Written()
		case Secret:
			value = v.Reveal()
		case []Mount:
			mounts := make([]string, len(v))
			for n, m := range v {
				mounts[n] = m.written()
			}
			value = mounts
		}
		written = append(written, Option{all[i].name, value})
	}
	return written
}

// object is the JSON of an object of options, in their order.
func object(options []Option) json.RawMessage {
	obj := &hujson.Object{}
	for _, o := range options {
		text, err := encodeJSON(o.Value)
		if err != nil {
			panic(err) // strings, numbers and booleans
		}
		value, err := hujson.Parse(text)
		if err != nil {
			panic(err) // it was encoded a moment ago
		}
		value.Minimize()
		obj.Members = append(obj.Members, hujson.ObjectMember{Name: literalOf(o.Key), Value: value})
	}
	return hujson.Value{Value: obj}.Pack()
}

// plain is a sentence without its Markdown.
func plain(text string) string {
	text = strings.ReplaceAll(text, "`", "")
	for {
		before, rest, found := strings.Cut(text, "](")
		_, after, closed := strings.Cut(rest, ")")
		from := strings.LastIndexByte(before, '[')
		if !found || !closed || from < 0 {
			return text
		}
		text = before[:from] + before[from+1:] + after
	}
}
