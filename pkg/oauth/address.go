package oauth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// errRefusedAddress is wrapped when a place is not asked because of where it lies.
var errRefusedAddress = errors.New("not asked")

// reach is who an address can reach.
type reach string

const (
	public   reach = "a public address"
	loopback reach = "this machine itself"
	private  reach = "a private network"
	// Nothing that can log anybody in lies there, and cloud machines hand their credentials out there.
	never reach = "a link-local, metadata or other address that no server has"
)

var (
	loopbackNets = prefixes("127.0.0.0/8 ::1/128")
	neverNets    = prefixes(`0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 255.255.255.255/32 ::/128 fe80::/10 ff00::/8
		100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128`)  // the last five: metadata of clouds
	// What IANA's registries of special-purpose addresses call not globally reachable (RFC 6890 and its successors).
	privateNets = prefixes(`10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16
		198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20`)
	globalNets = prefixes("0.0.0.0/0 2000::/3") // of IPv6 nothing else is given out

	mappedNet = netip.MustParsePrefix("::/96") // IPv4-compatible, deprecated; netip has the mapped ones
	nat64Net  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4Net = netip.MustParsePrefix("2002::/16")
	localNAT  = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215: where in it the IPv4 address is, its network decides
)

func prefixes(list string) (all []netip.Prefix) {
	for s := range strings.FieldsSeq(list) {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func contains(ip netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// reachOf tells what an address reaches. One that has an IPv4 address in it is judged by that.
func reachOf(ip netip.Addr) reach {
	ip = ip.WithZone("").Unmap()
	switch {
	case !ip.IsValid() || contains(ip, neverNets):
		return never
	case contains(ip, loopbackNets):
		return loopback
	case mappedNet.Contains(ip), nat64Net.Contains(ip):
		return reachOf(inner(ip, 12))
	case sixTo4Net.Contains(ip):
		return reachOf(inner(ip, 2))
	case localNAT.Contains(ip) && reachOf(inner(ip, 12)) == never:
		return never
	case contains(ip, privateNets) || !contains(ip, globalNets):
		return private
	}
	return public
}

// inner is the IPv4 address that an IPv6 one has in it, from that byte on.
func inner(ip netip.Addr, from int) netip.Addr {
	b := ip.As16()
	return netip.AddrFrom4([4]byte(b[from : from+4]))
}

// judge refuses an address of a host, unless the configured server shows that such ones are meant.
func (g *guard) judge(host string, ip netip.Addr) error {
	r := reachOf(ip)
	switch {
	case r == public,
		r == loopback && g.loopback,
		r == private && (g.allowPrivate || hostName(host) == g.host):
		return nil
	}
	err := fmt.Errorf("%w: %s is at %s, %s", errRefusedAddress, host, ip, r)
	switch r {
	case private:
		err = fmt.Errorf(`%w, and server %s is not; "allow_private": true in its oauth permits it`, err, g.host)
	case loopback:
		err = fmt.Errorf("%w, and server %s is not", err, g.host)
	}
	return err
}

// hostName is a host as it is compared: RFC 4343, and without the root's dot.
func hostName(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// checkHost judges a host that a URL names, as far as that is possible without resolving it. Odd notations of addresses, which
// some resolvers know and others take for names, are refused: they are used to get past checks only.
func (g *guard) checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return fmt.Errorf("%w: %s names a network interface", errRefusedAddress, confusables.Quote(host))
		}
		return g.judge(host, ip)
	}
	name := hostName(host)
	switch {
	case name == "" || len(name) > 253 || name[0] == '-' || name[0] == '.' || strings.Contains(name, ".."):
		return fmt.Errorf("%s cannot be a host", confusables.Quote(host))
	case strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	}):
		return fmt.Errorf("%s cannot be a host (an international name is written with xn--)", confusables.Quote(host))
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return fmt.Errorf("%w: %s is an address in an odd notation", errRefusedAddress, confusables.Quote(host))
	}
	if (name == "localhost" || strings.HasSuffix(name, ".localhost")) && !g.loopback { // RFC 6761, section 6.3
		return fmt.Errorf("%w: %s is %s, and server %s is not", errRefusedAddress, confusables.Quote(host), loopback, g.host)
	}
	return nil
}

// checkURL checks a URL that somebody else has named; what says in errors which. It has to be https, or http of this machine.
func (g *guard) checkURL(what, raw string) (*url.URL, error) {
	u, err := parsePlain(raw, maxURL)
	if err == nil && strings.ContainsRune(raw, '#') {
		err = errors.New("it has a fragment")
	}
	if err == nil {
		err = g.checkHost(u.Hostname())
	}
	if err == nil && u.Scheme == "http" && !(g.loopback && config.IsLoopback(u.Hostname())) {
		err = errors.New("it does not begin with https://")
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be used: %w", what, err)
	}
	return u, nil
}

// parsePlain parses an absolute http or https URL with nothing in it that programs take differently. No error quotes more of it
// than its scheme.
func parsePlain(raw string, most int) (*url.URL, error) {
	if len(raw) > most {
		return nil, fmt.Errorf("it is longer than %d characters", most)
	}
	// What RFC 3986 has no place for, in appendix A.
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", c) }) {
		return nil, errors.New("it has characters in it that a URL can't have")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("it begins with %s instead of https://", confusables.Quote(u.Scheme+":"))
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.User != nil:
		return nil, errors.New("it has a user in it")
	case strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("it has a colon and no port")
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n < 1 || n > 65535) {
		return nil, errors.New("its port can't be one")
	}
	return u, nil
}
