package config

import (
	"encoding/json"
	"slices"

	"github.com/tailscale/hujson"
)

// Input is one of VS Code's inputs. What ${input:ID} refers to is the secret of that name in the keyring, and VS Code's words say what it is.
type Input struct {
	ID          string
	Description string // of whoever wrote the file; empty: none

	text json.RawMessage // as written
}

// Input returns the input of that ID; ok is false if the file has none.
func (c *Config) Input(id string) (in Input, ok bool) {
	i := slices.IndexFunc(c.Inputs, func(in Input) bool { return in.ID == id })
	if i < 0 {
		return Input{}, false
	}
	return c.Inputs[i], true
}

// inputs reads the inputs of a file. One that can't be read costs its description only.
func (d *decoder) inputs(m hujson.ObjectMember) {
	list, ok := m.Value.Value.(*hujson.Array)
	if !ok {
		if m.Value.Value.Kind() != 'n' {
			d.add(m.Value.StartOffset, Problem{
				Severity: SeverityWarning, Value: kindName(m.Value), Message: "inputs is not an array, and is ignored", Remedy: "write [ … ], or remove it",
			})
		}
		return
	}
	for _, v := range list.Elements {
		var in Input
		obj, _ := v.Value.(*hujson.Object)
		for i := 0; obj != nil && i < len(obj.Members); i++ {
			member := obj.Members[i]
			if member.Value.Value.Kind() != '"' {
				continue
			}
			switch keyOf(member) {
			case "id":
				in.ID = textOf(member.Value)
			case "description":
				in.Description = textOf(member.Value)
			}
		}
		if !isSecretName(in.ID) {
			d.add(v.StartOffset, Problem{
				Severity: SeverityWarning, Value: excerpt(in.ID), Message: "the id of this input is not the name of a secret, and it is ignored",
				Remedy: "write one of letters, digits and _ . @ + -",
			})
			continue
		}
		plain := v.Clone()
		plain.Minimize()
		in.text = json.RawMessage(plain.Pack())
		d.config.Inputs = append(d.config.Inputs, in)
	}
}

// AddInputs writes inputs of another file behind those that the file has. One of an ID that is there already is left out.
func (d *Document) AddInputs(inputs []Input) error {
	for _, in := range inputs {
		value, err := encodeValue(keyInputs, in.text)
		if err != nil {
			return err
		}
		list, ok := d.at([]any{keyInputs})
		if !ok || list.Value.Kind() != '[' {
			if ok {
				err = d.splice(list.StartOffset, list.EndOffset, "[]")
			} else {
				err = d.insert(nil, func(string, bool) string { return `"` + keyInputs + `": []` })
			}
			if err != nil {
				return err
			}
			list, _ = d.at([]any{keyInputs})
		}
		if slices.ContainsFunc(list.Value.(*hujson.Array).Elements, func(v hujson.Value) bool { return inputNamed(v, in.ID) }) {
			continue
		}
		if err := d.insert([]any{keyInputs}, func(indent string, wide bool) string { return d.form.value(value, indent, false) }); err != nil {
			return err
		}
	}
	return nil
}

func inputNamed(v hujson.Value, id string) bool {
	obj, ok := v.Value.(*hujson.Object)
	return ok && slices.ContainsFunc(obj.Members, func(m hujson.ObjectMember) bool {
		return keyOf(m) == "id" && m.Value.Value.Kind() == '"' && textOf(m.Value) == id
	})
}
