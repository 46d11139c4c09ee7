package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/docker/api/types/registry"
)

const (
	dockerHub     = "docker.io"
	dockerHubName = "https://index.docker.io/v1/" // under which the docker command keeps its login
	helperPrefix  = "docker-credential-"
	helperTimeout = 30 * time.Second // a person may be asked to unlock a keychain
	helperToken   = "<token>"        // its user name for what is no password but an identity token
)

// login is the person's login at a registry as the API takes it, "" for none, as the docker command keeps it.
func (c *Container) login(ctx context.Context, host string) (string, error) {
	file, err := c.spec.Endpoint.commandConfig()
	if err != nil {
		return "", err
	}
	if host == dockerHub {
		host = dockerHubName
	}
	auth := registry.AuthConfig{ServerAddress: host}
	if helper := helperFor(file, host); helper != "" {
		if auth.Username, auth.Password, err = askHelper(ctx, helper, host, c.spec.Endpoint.way.Env); err != nil {
			c.spec.Log.Info().Str("server", c.spec.Server).Str("helper", helper).Str("registry", host).Msg("the credential helper has no login; pulling the image without one")
		}
		if auth.Username == helperToken {
			auth.Username, auth.Password, auth.IdentityToken = "", "", auth.Password
		}
	} else if kept, err := file.GetAuthConfig(host); err == nil {
		auth.Username, auth.Password, auth.Auth, auth.IdentityToken, auth.RegistryToken = kept.Username, kept.Password, kept.Auth, kept.IdentityToken, kept.RegistryToken
	}
	if auth.Username == "" && auth.Auth == "" && auth.IdentityToken == "" && auth.RegistryToken == "" {
		return "", nil
	}
	return registry.EncodeAuthConfig(auth)
}

func helperFor(file *configfile.ConfigFile, host string) string {
	if helper, ok := file.CredentialHelpers[host]; ok {
		return helper
	}
	return file.CredentialsStore
}

// askHelper asks a credential helper (github.com/docker/docker-credential-helpers: "get", with the registry on stdin). It is run here and
// not by the docker command's package, which would wait for it for ever.
func askHelper(ctx context.Context, helper, host string, env map[string]string) (user, secret string, err error) {
	if strings.ContainsAny(helper, `/\`) { // it would be looked for in the working directory
		return "", "", fmt.Errorf("%q is not the name of a credential helper", helper)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+helper, "get")
	cmd.Stdin, cmd.WaitDelay, cmd.Env = strings.NewReader(host), time.Second, os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return "", "", err
	}
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		return "", "", fmt.Errorf("it does not answer like a credential helper") // its text may be the secret
	}
	return got.Username, got.Secret, nil
}
