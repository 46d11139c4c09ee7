package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// Error says at which step of a login something went wrong, and what to do. Who shows it names the server.
type Error struct {
	Step   string // as in "registering the client"
	Cause  error
	Remedy string // "" if there is none
}

func (e *Error) Error() string {
	text := e.Step + ": " + e.Cause.Error()
	if e.Remedy != "" {
		text += ". " + e.Remedy
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// RequiredError says that a person has to log in, or to grant more than before. The request was refused and did nothing.
type RequiredError struct {
	Server string
	Reason string
	Scopes []string // what a new grant has to have; nil: what the server asks for
	StepUp bool     // there is a login, and it grants too little for this call
}

func (e *RequiredError) Error() string {
	return e.Reason + ". Call oauth_login for " + strconv.Quote(e.Server) +
		", or the user runs: mcpproxy-stdio login " + config.ShellWord(e.Server)
}

// Why a login ended without a token.
var (
	ErrDeclined = errors.New("the login was declined")
	ErrTooLate  = errors.New("the login was not completed in time")
	ErrClosed   = errors.New("cancelled: the proxy is ending")
)

// errTransient is wrapped by what may be better in a moment: it never costs a login.
var errTransient = errors.New("try again in a moment")

// transient marks a failure of the network. That an address is refused will not change.
func transient(err error) error {
	if err == nil || errors.Is(err, errRefusedAddress) {
		return err
	}
	return fmt.Errorf("%w; %w", err, errTransient)
}

// responseError is an OAuth error answer (RFC 6749, sections 4.1.2.1 and 5.2).
type responseError struct {
	Code        string
	Description string
	Status      int // of the token endpoint, 0 for the authorization endpoint
}

func (e *responseError) Error() string {
	text := "the authorization server refused"
	switch {
	case e.Code != "":
		text += " with " + confusables.Quote(e.Code)
	case e.Status != 0:
		text += fmt.Sprintf(" with HTTP %d", e.Status)
	}
	if e.Description != "" {
		text += ": " + confusables.Quote(e.Description)
	}
	return text
}

// tokenError makes of an error of package oauth2 one that shows no body and no secret.
func tokenError(err error) error {
	err = plain(err) // without the URL
	var re *oauth2.RetrieveError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &re):
		status := 0
		if re.Response != nil {
			status = re.Response.StatusCode
		}
		e := &responseError{Code: re.ErrorCode, Description: re.ErrorDescription, Status: status}
		if status >= 500 || status == 429 || status == 408 || re.ErrorCode == "temporarily_unavailable" || re.ErrorCode == "server_error" || re.ErrorCode == "" && status < 300 {
			return fmt.Errorf("%w; %w", e, errTransient)
		}
		return e
	case errors.Is(err, errRefusedAddress):
		return err
	case strings.HasPrefix(err.Error(), "oauth2:"): // an answer that can't be read, which it may quote
		return fmt.Errorf("the token endpoint's answer is no token; %w", errTransient)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w; %w", err, errTransient)
}

// without takes secrets out of the words of an answer: some servers quote what they refuse.
func without(err error, secrets ...string) error {
	var re *responseError
	if !errors.As(err, &re) {
		return err
	}
	r := config.NewRedactor(slices.DeleteFunc(secrets, func(s string) bool { return s == "" }), "…")
	re.Code, re.Description = r.Redact(re.Code), r.Redact(re.Description)
	return err
}

// code is the OAuth error code of an error, "" if it is none.
func code(err error) string {
	var re *responseError
	if errors.As(err, &re) {
		return re.Code
	}
	return ""
}

// unknownClient tells whether the authorization server does not know the client, or not for this.
func unknownClient(err error) bool {
	return !errors.Is(err, errTransient) && (code(err) == "invalid_client" || code(err) == "unauthorized_client")
}

// remedy is what to do about refusals that people are known to meet.
func remedy(server string, err error) string {
	var re *responseError
	if !errors.As(err, &re) {
		return ""
	}
	option := func(what string) string { return "Write " + what + " into oauth of server " + strconv.Quote(server) }
	switch {
	case strings.Contains(re.Description, "AADSTS9010010"):
		return option(`"omit_resource": true`) + ": it does not accept the parameter resource together with scopes"
	case strings.Contains(re.Description, "AADSTS"):
		return option(`"client_id" and "scopes"`) + ": Entra accepts registered applications only"
	}
	switch re.Code {
	case "invalid_target":
		return option(`"resource" as the server's documentation says, or "omit_resource": true`)
	case "invalid_scope":
		return option(`"scopes"`) + " with those that it offers"
	case "invalid_client", "unauthorized_client":
		return option(`"client_id"`) + " of a client that is registered there, or log in again to register a new one"
	case "invalid_redirect_uri":
		return option(`"redirect_port"`) + " with the port that is registered for the client"
	case "access_denied":
		return "Log in again and consent to what it asks for"
	}
	return ""
}
