package sqlstore

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// A managed identity, as Azure's App Service offers it: the platform gives out tokens at a local address. The server asks
// for one and shows it to the database.
func TestAManagedIdentityLogsInWithTheTokenOfItsPlatform(t *testing.T) {
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
	wantNoSecret(t, err, token)
}
