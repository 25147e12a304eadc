package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
)

type tokenCheckCommand struct {
	outputFlags `embed:""`

	Token string `arg:"" optional:"" env:"PATHSYNC_TOKEN" help:"The token; - reads it from standard input."`

	Secret   string `name:"jwt-secret" env:"PATHSYNC_JWT_SECRET" placeholder:"SECRET" help:"As of the server. Prefer the environment variable."`
	Key      string `name:"jwt-key" env:"PATHSYNC_JWT_KEY" placeholder:"FILE" help:"As of the server: a public key in PEM."`
	KeysURL  string `name:"jwks-url" env:"PATHSYNC_JWKS_URL" placeholder:"URL" help:"As of the server: the key set of the issuer."`
	Issuer   string `name:"jwt-issuer" env:"PATHSYNC_JWT_ISSUER" placeholder:"ISS" help:"As of the server: the issuer that tokens must have."`
	Audience string `name:"jwt-audience" env:"PATHSYNC_JWT_AUDIENCE" placeholder:"AUD" help:"As of the server: the audience that tokens must have."`
}

// Help is shown below the flags.
func (*tokenCheckCommand) Help() string {
	return `Decodes a JSON Web Token, verifies it as a server with the same flags does, and explains a refusal: a wrong key, a key id that the key set lacks, an expired token, a wrong clock, issuer or audience, or an invalid claim. Without a key, the signature is not verified. A flag for the key takes precedence over the environment. The exit code is 1 if the token is refused.

Run it with the environment of the server:

  pathsync token check "$TOKEN"
  pathsync token check - --jwks-url https://id.example.com/keys < token.txt`
}

// Validate is called by kong before Run.
func (c *tokenCheckCommand) Validate(line *kong.Context) error {
	return oneKey(line, map[string]*string{"jwt-secret": &c.Secret, "jwt-key": &c.Key, "jwks-url": &c.KeysURL})
}

// verdict is the result of the command.
type verdict struct {
	Valid    bool   `json:"valid"`
	Verified bool   `json:"verified"`         // the signature was verified
	Reason   string `json:"reason,omitempty"` // why it is refused
	auth.Decoded
	Hints []string `json:"hints"` // what differs from what the server requires
}

// Run prints what the token says.
func (c *tokenCheckCommand) Run(ctx context.Context, p *program) error {
	token, err := c.token(p.input(ctx))
	if err != nil {
		return err
	}
	decoded, err := auth.Decode(token)
	if err != nil {
		return err
	}
	now := time.Now()
	v := verdict{Valid: true, Decoded: decoded}
	v.Hints = tokenHints(decoded, expectations{issuer: c.Issuer, audience: c.Audience}, now)
	if err := c.verify(ctx, token, &v); err != nil {
		return err
	}
	if v.Hints == nil {
		v.Hints = []string{}
	}
	if c.JSON {
		err = p.stdout.writeJSON(v)
	} else {
		err = v.print(p, now)
	}
	if err == nil && !v.Valid {
		err = errors.New("a server with these flags refuses the token")
	}
	return err
}

const maxTokenInput = 1 << 20

func (c *tokenCheckCommand) token(stdin io.Reader) (string, error) {
	text := c.Token
	if text == "-" {
		all, err := io.ReadAll(io.LimitReader(stdin, maxTokenInput))
		if err != nil {
			return "", fmt.Errorf("reading standard input: %w", err)
		}
		text = string(all)
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "Bearer ")
	if text == "" {
		return "", usageError{errors.New("a token is needed: as argument, in PATHSYNC_TOKEN, or - for standard input")}
	}
	return text, nil
}

// verify verifies the token as a server does. Without a key, it is refused only for what the hints say.
func (c *tokenCheckCommand) verify(ctx context.Context, token string, v *verdict) error {
	if c.Secret == "" && c.Key == "" && c.KeysURL == "" {
		if v.Valid = len(v.Hints) == 0; !v.Valid {
			v.Reason = v.Hints[0]
		}
		return nil
	}
	cfg := auth.Config{Secret: []byte(c.Secret), KeysURL: c.KeysURL, Issuer: c.Issuer, Audience: c.Audience}
	if c.Key != "" {
		var err error
		if cfg.PublicKey, err = os.ReadFile(c.Key); err != nil {
			return usageError{err}
		}
	}
	verifier, err := auth.New(cfg)
	if err != nil {
		return usageError{err}
	}
	_, err = verifier.Authenticate(ctx, token)
	if errors.Is(err, access.ErrUnavailable) {
		return fmt.Errorf("%w: the key set at --jwks-url cannot be fetched", err)
	}
	v.Verified = true
	if err != nil {
		v.Valid, v.Reason = false, err.Error()
		v.Hints = append(v.Hints, keyHints(v.Decoded, verifier)...)
	}
	return nil
}

// expectations are the claims that a server requires; "": any.
type expectations struct{ issuer, audience string }

// tokenHints returns what a server will refuse, apart from the signature. It is pure.
func tokenHints(d auth.Decoded, e expectations, now time.Time) (hints []string) {
	add := func(format string, args ...any) { hints = append(hints, fmt.Sprintf(format, args...)) }
	const clocks = "If that cannot be, compare this machine's clock with the clock of the issuer."
	at := func(name string) (time.Time, bool) {
		seconds, ok := d.Claims[name].(float64)
		if ok && seconds > 253402300799 { // the end of the year 9999
			add("%s is %.0f: it must be in seconds since 1970, and looks like milliseconds", name, seconds)
			return time.Time{}, false
		}
		if !ok && d.Claims[name] != nil {
			add("%s must be a number of seconds since 1970", name)
		}
		return time.Unix(0, int64(seconds*1e9)), ok
	}
	switch exp, ok := at("exp"); {
	case !ok && d.Claims["exp"] == nil:
		add("it has no exp: every token must expire")
	case ok && now.Sub(exp) >= auth.DefaultLeeway:
		add("it expired %s ago, at %s. %s", rounded(now.Sub(exp)), exp.Format(time.RFC3339), clocks)
	}
	for _, name := range []string{"nbf", "iat"} {
		if when, ok := at(name); ok && when.Sub(now) > auth.DefaultLeeway {
			add("its %s is %s in the future, at %s. %s", name, rounded(when.Sub(now)), when.Format(time.RFC3339), clocks)
		}
	}
	if sub, ok := d.Claims["sub"].(string); !ok || sub == "" {
		add("it has no sub: the name of the user")
	}
	if issuer, _ := d.Claims["iss"].(string); e.issuer != "" && issuer != e.issuer {
		add("its iss is %q, and --jwt-issuer requires %q", issuer, e.issuer)
	}
	if audience := audiences(d.Claims["aud"]); e.audience != "" && !slices.Contains(audience, e.audience) {
		add("its aud is %q, and --jwt-audience requires %q", audience, e.audience)
	}
	return hints
}

func audiences(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		all := make([]string, len(v))
		for i, one := range v {
			all[i], _ = one.(string)
		}
		return all
	default:
		return []string{}
	}
}

// keyHints explains why a token does not fit the key.
func keyHints(d auth.Decoded, v *auth.Verifier) (hints []string) {
	algorithm, _ := d.Header["alg"].(string)
	if accepted := v.Algorithms(); !slices.Contains(accepted, algorithm) {
		hints = append(hints, fmt.Sprintf("its algorithm is %q, and the key is for %s", algorithm, strings.Join(accepted, ", ")))
	}
	ids := v.KeyIDs()
	if id, _ := d.Header["kid"].(string); len(ids) > 0 && !slices.Contains(ids, id) {
		hints = append(hints, fmt.Sprintf("its key id (kid) is %q, and the key set has %q", id, ids))
	}
	return hints
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Second) }

func (v verdict) print(p *program, now time.Time) error {
	for _, line := range v.lines(now) {
		if err := p.stdout.printf("%s  %s\n", bold.of("%-9s", line[0]), line[1]); err != nil {
			return err
		}
	}
	result := green.of("valid")
	switch {
	case !v.Valid:
		result = red.of("REFUSED: %s", v.Reason)
	case !v.Verified:
		result = yellow.of("not refused, but the signature was not verified: give the key, such as PATHSYNC_JWT_SECRET")
	}
	if err := p.stdout.printf("\n%s\n", result); err != nil {
		return err
	}
	for _, hint := range v.Hints {
		if hint == v.Reason {
			continue
		}
		if err := p.stdout.printf("  - %s\n", hint); err != nil {
			return err
		}
	}
	return nil
}

// lines returns what the token says, with its times relative to now.
func (v verdict) lines(now time.Time) (lines [][2]string) {
	lines = append(lines, [2]string{"header", compact(v.Header)})
	names := make([]string, 0, len(v.Claims))
	for name := range v.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := v.Claims[name]
		text := compact(value)
		if seconds, ok := value.(float64); ok && slices.Contains([]string{"exp", "nbf", "iat"}, name) {
			at := time.Unix(int64(seconds), 0)
			text = fmt.Sprintf("%s (%s)", at.Format(time.RFC3339), relative(at.Sub(now)))
		}
		lines = append(lines, [2]string{name, text})
	}
	return lines
}

func relative(d time.Duration) string {
	if d < 0 {
		return rounded(-d).String() + " ago"
	}
	return "in " + rounded(d).String()
}

func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
