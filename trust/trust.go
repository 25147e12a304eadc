// Package trust is about asking those whose answers are believed: an issuer for its keys, the application for what it
// alone knows. An answer is believed because of where it comes from, so that has to be certain.
package trust

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Trustworthy reports whether what comes from a URL comes from there: over TLS, or without leaving this machine.
func Trustworthy(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// Client is a client that asks whom it is told to ask, and nobody to whom it is sent on. Without a client it makes one.
// A question takes no longer than timeout.
func Client(client *http.Client, timeout time.Duration) *http.Client {
	if client == nil {
		client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	own := *client
	own.Timeout = timeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Ask sends a question. Its error does not have the address, whose query may hold a secret: errors are logged.
func Ask(client *http.Client, question *http.Request) (*http.Response, error) {
	resp, err := client.Do(question)
	if of := (*url.Error)(nil); errors.As(err, &of) {
		err = of.Err
	}
	return resp, err
}

// Body reads the body of an answer, which must not be larger than so many bytes.
func Body(resp *http.Response, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("the answer is larger than %d bytes", most)
	}
	return text, nil
}
