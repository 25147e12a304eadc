package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestArraysEncodeElementsAndNULL(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := prepareConn(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	text := func(s string) string { return s }
	number := func(n int64) int64 { return n }
	for _, test := range []struct {
		kind  string
		array any
		want  string
	}{
		{"text", textArray([]string{"", "ä{,}\"", "NULL"}, text), `["", "ä{,}\"", "NULL"]`},
		{"text", textOrNullArray([]string{"a", "", "b"}, text), `["a", null, "b"]`},
		{"text", textOrNullArray([]string{"", ""}, text), `[null, null]`},
		{"bigint", bigintArray([]int64{-1, 0, 1 << 62}, number), `[-1, 0, 4611686018427387904]`},
		{"bigint", bigintOrNullArray([]int64{-1, 0}, -1, number), `[null, 0]`},
		{"bigint", bigintOrNullArray([]int64{-1, -1}, -1, number), `[null, null]`},
		{"timestamptz", timeArray([]int64{0, 946_684_800_001}, number), `["1970-01-01T00:00:00+00:00", "2000-01-01T00:00:00.001+00:00"]`},
	} {
		// Beside another array, as in the log: unnest pads the shorter one.
		query := fmt.Sprintf("SELECT jsonb_agg(element)::text FROM unnest($1::%s[], $2::bigint[]) AS row (element, beside)", test.kind)
		beside := bigintArray(make([]int64, 2), number)
		if test.kind == "timestamptz" {
			if _, err := conn.Exec(t.Context(), "SET TimeZone = 'UTC'"); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		if err := conn.QueryRow(t.Context(), query, test.array, beside).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%s[]: got %s, want %s", test.kind, got, test.want)
		}
	}
}
