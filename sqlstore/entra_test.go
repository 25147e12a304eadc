package sqlstore

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// A managed identity, as Azure's App Service offers it: the platform gives out tokens at a local address. The server asks
// for one and shows it to the database.
func TestManagedIdentityLogsInWithPlatformToken(t *testing.T) {
	const token = "a-token-for-the-database"
	asked := make(chan *http.Request, 10)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"access_token": token, "token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
			"expires_on": "4102444800", // 2100
		})
	}))
	defer platform.Close()
	t.Setenv("IDENTITY_ENDPOINT", platform.URL)
	t.Setenv("IDENTITY_HEADER", "secret-of-the-platform")
	address, tokens := dbtest.TDSFederatedLogins(t)
	_, err := Open(t.Context(), "sqlserver://"+address+"?database=mydb&encrypt=disable&fedauth=ActiveDirectoryManagedIdentity&user+id=11111111-1111-1111-1111-111111111111")
	if err == nil {
		t.Fatal("the server that ends every connection was opened")
	}
	select {
	case got := <-tokens:
		if got != token {
			t.Errorf("the database was shown %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("the database was shown no token: %v", err)
	}
	request := <-asked
	if got := request.URL.Query().Get("resource"); got != "https://database.windows.net" && got != "https://database.windows.net/" {
		t.Errorf("the token was asked for %q", got)
	}
	if got := request.URL.Query().Get("client_id"); got != "11111111-1111-1111-1111-111111111111" {
		t.Errorf("the token was asked for the identity %q", got)
	}
	if request.Header.Get("X-IDENTITY-HEADER") != "secret-of-the-platform" {
		t.Error("the request does not have the platform's secret")
	}
	dbtest.WantNoSecret(t, err, token)
}

// loginVariable has the test process log in at a URL, with the environment that it was started with, and do nothing else.
const loginVariable = "PATHSYNC_TEST_LOGIN"

// A workload identity, as Kubernetes offers it: a file has a token of the cluster, which Entra ID exchanges for one of the
// database. Entra ID is an imitation with a certificate of its own, which a process can only be given when it starts.
func TestWorkloadIdentityLogsInWithFileToken(t *testing.T) {
	if dsn := os.Getenv(loginVariable); dsn != "" {
		_, err := Open(t.Context(), dsn)
		if err == nil {
			t.Fatal("the server that ends every connection was opened")
		}
		dbtest.WantNoSecret(t, err, "a-token-for-the-database")
		dbtest.WantNoSecret(t, err, "a-token-of-the-cluster")
		t.Logf("the login: %v", err)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux does SSL_CERT_FILE name the certificates that are trusted")
	}
	const tenant, client = "22222222-2222-2222-2222-222222222222", "11111111-1111-1111-1111-111111111111"
	for _, login := range []string{"ActiveDirectoryWorkloadIdentity", "ActiveDirectoryDefault"} {
		t.Run(login, func(t *testing.T) {
			exchanges := make(chan url.Values, 10)
			entra := newEntra(tenant, exchanges)
			defer entra.Close()
			certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: entra.Certificate().Raw})
			address, tokens := dbtest.TDSFederatedLogins(t)
			process := osexec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWorkloadIdentityLogsInWithFileToken$", "-test.v")
			others := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AZURE_") })
			process.Env = slices.Concat(others, []string{
				loginVariable + "=sqlserver://" + address + "?database=mydb&encrypt=disable&DisableInstanceDiscovery=true&fedauth=" + login,
				"AZURE_FEDERATED_TOKEN_FILE=" + newTextFile(t, "a-token-of-the-cluster"),
				"AZURE_CLIENT_ID=" + client, "AZURE_TENANT_ID=" + tenant, "AZURE_AUTHORITY_HOST=" + entra.URL + "/",
				"SSL_CERT_FILE=" + newTextFile(t, string(certificate))})
			output, err := process.CombinedOutput()
			if err != nil {
				t.Fatalf("the process that logs in: %v\n%s", err, output)
			}
			select {
			case got := <-tokens:
				if got != "a-token-for-the-database" {
					t.Errorf("the database was shown %q", got)
				}
			default:
				t.Fatalf("the database was shown no token:\n%s", output)
			}
			form := <-exchanges
			for name, want := range map[string]string{
				"client_assertion":      "a-token-of-the-cluster",
				"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
				"client_id":             client,
				"grant_type":            "client_credentials",
			} {
				if got := form.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if !strings.Contains(form.Get("scope"), "https://database.windows.net/") {
				t.Errorf("the token was asked for %q", form.Get("scope"))
			}
		})
	}
}

// newEntra imitates what Entra ID has for one tenant: the list of its addresses, and the exchange of tokens. It passes on
// what each exchange was asked with.
func newEntra(tenant string, exchanges chan<- url.Values) *httptest.Server {
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		at := "https://" + r.Host + "/" + tenant
		switch r.URL.Path {
		case "/" + tenant + "/v2.0/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{
				"authorization_endpoint": at + "/oauth2/v2.0/authorize", "token_endpoint": at + "/oauth2/v2.0/token", "issuer": at + "/v2.0",
			})
		case "/" + tenant + "/oauth2/v2.0/token":
			_ = r.ParseForm()
			exchanges <- r.PostForm
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a-token-for-the-database", "token_type": "Bearer", "expires_in": 3600})
		default:
			http.NotFound(w, r)
		}
	}))
}

func newTextFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
