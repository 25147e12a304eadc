package dbtest

import (
	"database/sql"
	"testing"
)

func TestAServerKeepsItsDataWhenItIsStoppedAndStarted(t *testing.T) {
	server := NewPostgres(t)
	execPostgres(t, server.DSN, "CREATE TABLE kept (n INT)")
	server.Stop()
	db, err := sql.Open("pgx", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil {
		t.Fatal("a server that is stopped answers")
	}
	server.Start(t)
	execPostgres(t, server.DSN, "INSERT INTO kept VALUES (1)")
}

func TestEachTestHasASchemaOfItsOwn(t *testing.T) {
	one, two := Postgres(t), Postgres(t)
	execPostgres(t, one, "CREATE TABLE mine (n INT)")
	execPostgres(t, two, "CREATE TABLE mine (n INT)")
}
