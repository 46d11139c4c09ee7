package builtin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

// Names of the tools of logins.
const (
	LoginName       = "oauth_login"
	LoginStatusName = "oauth_status"
	LogoutName      = "oauth_logout"
)

// Login is how far a login has come.
type Login struct {
	Server  string   `json:"server"`
	Account string   `json:"account,omitempty"`
	Status  string   `json:"status"`        // logged in, waiting
	URL     string   `json:"url,omitempty"` // for the person, to open
	Next    string   `json:"next,omitempty"`
	Remote  string   `json:"on_another_machine,omitempty"`
	Note    string   `json:"note,omitempty"`
	Issuer  string   `json:"issuer,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
}

func loginTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(LoginName,
		`Log in to a configured server that needs a login. The user opens the address in a browser; then call again with wait true. Show them the address unchanged.`,
		object([]string{"server"}, map[string]any{
			"server":  text("a configured server"),
			"account": text("of another entry with the same url"),
			"wait":    map[string]any{"type": "boolean", "description": "wait for the login under way, up to 50 s"},
		})), "Log in", false, false)
}

func loginStatusTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(LoginStatusName, `Show login status: state, scopes, expiry, account. No secrets.`,
		object(nil, map[string]any{"server": text("only this one")})), "Logins", true, false)
}

func logoutTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(LogoutName, `Log out: revoke and delete the tokens. The user stays logged out until they log in again.`,
		object([]string{"server"}, map[string]any{"server": text("a configured server"), "account": text("of another entry with the same url")})), "Log out", false, true)
}

func runLogin(ctx context.Context, admin Admin, args map[string]any) (string, error) {
	wait, given := args["wait"]
	on, ok := wait.(bool)
	if given && !ok {
		return "", errors.New("parameter wait must be true or false")
	}
	rest := map[string]any{}
	for name, v := range args {
		if name != "wait" {
			rest[name] = v
		}
	}
	p, err := stringsOf(rest, "server", "account")
	switch {
	case err != nil:
		return "", err
	case p["server"] == "":
		return "", errors.New("oauth_login needs the parameter server, the name of a configured server")
	}
	l, err := admin.Login(ctx, p["server"], p["account"], on)
	if err != nil {
		return "", fmt.Errorf("server %s: %w", strconv.Quote(p["server"]), err)
	}
	return asText(l), nil
}

func runLoginStatus(_ context.Context, admin Admin, args map[string]any) (string, error) {
	p, err := stringsOf(args, "server")
	if err != nil {
		return "", err
	}
	all, err := admin.Logins(p["server"])
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "No remote servers are configured.", nil
	}
	return asText(all), nil
}

func runLogout(ctx context.Context, admin Admin, args map[string]any) (string, error) {
	p, err := stringsOf(args, "server", "account")
	switch {
	case err != nil:
		return "", err
	case p["server"] == "":
		return "", errors.New("oauth_logout needs the parameter server, the name of a configured server")
	}
	text, err := admin.Logout(ctx, p["server"], p["account"])
	if err != nil {
		return "", fmt.Errorf("server %s: %w", strconv.Quote(p["server"]), err)
	}
	return text, nil
}
