package github

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
)

// A reachTransport remembers the hosts that have answered. Where one of them is not found or
// refuses a connection, waiting helps. Where no answer ever came, the address is probably wrong.
type reachTransport struct {
	base  http.RoundTripper
	proxy func(*http.Request) (*url.URL, error)
	hosts *sync.Map // names of hosts and proxies
}

func (t reachTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}

	t.hosts.Store(strings.ToLower(r.URL.Hostname()), true)
	if t.proxy != nil {
		proxy, err := t.proxy(r)
		if err == nil && proxy != nil {
			t.hosts.Store(strings.ToLower(proxy.Hostname()), true)
		}
	}
	return answer, nil
}

// hasReached reports whether the host that a failed connection is about has answered before.
func (c *Client) hasReached(err error) bool {
	host := requestedHost(err)

	var dns *net.DNSError
	if errors.As(err, &dns) {
		host = dns.Name // may be a proxy
	}

	_, reached := c.hosts.Load(strings.ToLower(host))
	return reached
}

// A proxyError says that a proxy does not connect to a host: the host may not exist, or the
// proxy may not allow it.
type proxyError struct {
	proxy  string // its host and port
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answers %d %s", e.proxy, e.status, http.StatusText(e.status))
}

// checkProxyAnswer is what a transport calls with the answer of a proxy. Without it, the error
// would not tell an answer of a proxy from a broken connection.
func checkProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{
		proxy:  proxy.Host,
		status: answer.StatusCode,
	}
}

// isRefusedByProxy reports whether a proxy does not connect to a host.
func isRefusedByProxy(err error) bool {
	var refused *proxyError
	return errors.As(err, &refused)
}

// requestedHost returns the host that a failed request was for, "" if it is not known.
func requestedHost(err error) string {
	var request *url.Error
	if !errors.As(err, &request) {
		return ""
	}

	address, err := url.Parse(request.URL)
	if err != nil {
		return ""
	}
	return address.Hostname()
}

// isUnknownHost reports whether a name server says that there is no such host.
func isUnknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// isLookup reports whether no name server has told the address of a host.
func isLookup(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// isRefused reports whether nothing listens at an address.
func isRefused(err error) bool {
	const windowsRefused = syscall.Errno(10061) // WSAECONNREFUSED, which package syscall lacks
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windowsRefused)
}
