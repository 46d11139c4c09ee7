package config

import "errors"

// CheckAccount tells what is wrong with the name of a login, as oauth.account has it; nil: nothing.
func CheckAccount(name string) error {
	if f := textFault("account", name); f != nil {
		return errors.New(sentence("account "+f.message, f.text, f.remedy))
	}
	return nil
}
