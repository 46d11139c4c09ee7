package process

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// clientsDir has a file for each proxy that uses the state directory.
const clientsDir = "clients"

// stored is the file of one proxy. It counts as long as any process in it lives: an agent that ended its proxy is an agent still.
type stored struct {
	Client
	Boot string `json:"boot,omitempty"`
}

// Register writes down who started this process, a proxy, and removes what is left of clients that have gone.
func Register(st *store.Store) error {
	s, boot := Here(), Boot()
	if _, ok := s.Find(os.Getpid()); !ok {
		return nil
	}
	s.registered(st, boot)
	data, err := json.Marshal(stored{s.ClientOf(os.Getpid()), boot})
	if err != nil {
		return err
	}
	return write(st.Path(clientsDir), strconv.Itoa(os.Getpid()), data)
}

// write replaces a file at once, but does not wait for the disk: what it says is void after a crash of the machine.
func write(dir, name string, data []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600; a store leaves such names out
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Clients returns those of the proxies that use the state directory, as long as any of their processes lives.
func Clients(st *store.Store) []Client {
	s := Here()
	all := s.registered(st, Boot())
	return append(all, s.unregistered(st.Dir(), all)...)
}

// registered are those that have a file. What is left of others is removed.
func (s System) registered(st *store.Store, boot string) (all []Client) {
	names, _ := st.List(clientsDir)
	for _, name := range names {
		data, err := st.Read(name)
		if err != nil {
			continue
		}
		var c stored
		if json.Unmarshal(data, &c) != nil || c.Boot != boot || !slices.ContainsFunc(append(c.Processes, c.Proxy), s.alive) {
			_ = st.Remove(name)
			continue
		}
		all = append(all, c.Client)
	}
	return all
}
