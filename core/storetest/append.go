package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

var appendTests = []subtest{
	{"ABatchComesBackByteForByte", aBatchComesBackByteForByte},
	{"ThousandOperationsStayOneBatch", func(t *testing.T, store core.Store) {
		b := batch(t.Name(), 1)
		b.Ops = nil
		for i := range 1000 {
			b.Ops = append(b.Ops, set(fmt.Sprintf("list[%d].n", i), fmt.Sprint(i)))
		}
		mustAppend(t, store, b)
		wantLog(t, store, t.Name(), b)
	}},
	{"ThousandsOfRowsFitIntoOneAppend", func(t *testing.T, store core.Store) {
		group := make([]*core.Batch, 0, 3*400)
		for seq := range int64(400) {
			for room := range 3 {
				group = append(group, batch(fmt.Sprint(t.Name(), room), seq+1, sized(1+room, 20)))
			}
		}
		mustAppend(t, store, group...)
		for room := range 3 {
			if got := len(readLog(t, store, fmt.Sprint(t.Name(), room), 0, everything)); got != 400 {
				t.Errorf("room %d has %d batches, want 400", room, got)
			}
		}
	}},
	{"ValuesOfOneMebibyteFit", func(t *testing.T, store core.Store) {
		b := batch(t.Name(), 1, with(
			set("a", `"`+strings.Repeat("x", 1<<20)+`"`),
			set("b", `"`+strings.Repeat("é😀", 1<<18)+`"`),
		))
		mustAppend(t, store, b)
		wantLog(t, store, t.Name(), b)
	}},
	{"NothingIsNoTrouble", func(t *testing.T, store core.Store) {
		mustAppend(t, store)
	}},
	{"ATakenServerSeqIsAConflict", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 3)...)
		for seq := range int64(3) {
			again := batch(t.Name(), seq+1, from("another", 1), sized(5, 10))
			wantError(t, store.Append(t.Context(), []*core.Batch{again}), core.ErrConflict)
		}
		wantLog(t, store, t.Name(), history(t.Name(), 3)...)
	}},
	{"TheSameAppendAgainIsAConflict", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 3)...)
		wantError(t, store.Append(t.Context(), history(t.Name(), 3)), core.ErrConflict)
		wantLog(t, store, t.Name(), history(t.Name(), 3)...)
	}},
	{"AServerSeqTwiceInOneAppendIsAConflict", func(t *testing.T, store core.Store) {
		twice := []*core.Batch{batch(t.Name(), 1), batch(t.Name(), 1)}
		wantError(t, store.Append(t.Context(), twice), core.ErrConflict)
		wantLog(t, store, t.Name())
	}},
	{"OneConflictWritesNothingInAnyRoom", func(t *testing.T, store core.Store) {
		taken, free := t.Name()+"/taken", t.Name()+"/free"
		mustAppend(t, store, batch(taken, 1))
		group := []*core.Batch{
			batch(free, 1), batch(free, 2), batch(t.Name()+"/long", 1, sized(1500, 10)), batch(taken, 1), batch(taken, 2),
		}
		wantError(t, store.Append(t.Context(), group), core.ErrConflict)
		wantLog(t, store, free)
		wantLog(t, store, t.Name()+"/long")
		wantLog(t, store, taken, batch(taken, 1))
	}},
	{"AfterAConflictTheNextAppendSucceeds", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1))
		wantError(t, store.Append(t.Context(), []*core.Batch{batch(t.Name(), 1)}), core.ErrConflict)
		mustAppend(t, store, batch(t.Name(), 2))
		wantLog(t, store, t.Name(), history(t.Name(), 2)...)
	}},
	{"ABatchWithoutOperationsIsRejected", func(t *testing.T, store core.Store) {
		// The log has a row for each operation, so such a batch would leave a gap.
		group := []*core.Batch{batch(t.Name(), 1), batch(t.Name(), 2, with())}
		wantError(t, store.Append(t.Context(), group), core.ErrRejected)
		wantLog(t, store, t.Name())
	}},
	{"WhatWasHandedOverMayBeUsedAgain", func(t *testing.T, store core.Store) {
		b := batch(t.Name(), 1)
		mustAppend(t, store, b)
		b.ServerSeq, b.ClientID, b.Ops[0].Value = 2, "changed", "changed"
		wantLog(t, store, t.Name(), batch(t.Name(), 1))
	}},
}

// lastMoment is the end of the year 9999, the last year of the databases' calendars.
const lastMoment = 253_402_300_799_999

func aBatchComesBackByteForByte(t *testing.T, store core.Store) {
	all := []*core.Batch{
		{Key: "default", ClientID: "c", ClientSeq: 0, ServerTs: 0, Ops: []core.LoggedOp{
			{Kind: tree.Set, Path: "", Value: `{}`, Index: tree.NoIndex},
		}},
		{Key: " an inner  blank ", ClientID: "ü", ClientSeq: core.NoClientSeq, ServerTs: 1_700_000_000_123, Ops: []core.LoggedOp{
			{Kind: tree.Set, Path: `a.b\.c[x y]`, Value: `null`, Index: tree.NoIndex},
			{Kind: tree.Delete, Path: "a", Index: tree.NoIndex},
			{Kind: tree.ArrayAdd, Path: "list", Value: `{"_sync_id":"1"}`, Index: 0},
			{Kind: tree.ArrayAdd, Path: "list", Value: `{"_sync_id":"2"}`, Index: math.MaxInt32},
			{Kind: tree.ArrayDelete, Path: "list[1]", Index: tree.NoIndex},
			{Kind: tree.ArrayMove, Path: "list[2]", Index: 7},
			{Kind: tree.Init, Path: "", Value: `[]`, Index: tree.NoIndex},
		}},
		{Key: "k", ClientID: "c", UserID: "auth0|Ünï ☃ 😀 \"'\\", ClientSeq: math.MaxInt64, ServerTs: lastMoment, Ops: []core.LoggedOp{
			{Kind: tree.Set, Path: "a", Value: `1`, Index: tree.NoIndex, Discarded: tree.ItemDeleted},
			{Kind: tree.Set, Path: "a", Value: `1`, Index: tree.NoIndex, Discarded: tree.TypeMismatch},
			{Kind: tree.Init, Path: "", Value: `1`, Index: tree.NoIndex, Discarded: tree.Exists},
			{Kind: tree.Delete, Path: "a", Index: tree.NoIndex, Discarded: tree.NotFound},
			{Kind: tree.ArrayAdd, Path: "a", Value: `1`, Index: 3, Discarded: tree.TooLarge},
		}},
		{Key: "numbers keep their text", ClientID: "c", ClientSeq: 1},
		{Key: "strings keep their bytes", ClientID: "c", ClientSeq: 2},
	}
	for _, number := range []string{
		"1", "1.0", "1.10", "1e2", "1E+2", "-0", "0.1", "100000000000000000000", "123456789012345678901234567890.5",
		"9007199254740993", "1.7976931348623157e308", "5e-324",
	} {
		all[3].Ops = append(all[3].Ops, set("n", number))
	}
	for _, text := range []string{
		`""`, `" "`, `"\u0000"`, `"\ud83d\ude00"`, `"😀"`, `"\""`, `"'; DROP TABLE sync_change_log; --"`, `"?"`, `"@p1 $1 :a"`,
		`"a\\b"`, `"tab\tnewline\n"`, `"%s%d"`, `"é"`, `"` + "e\u0301" + `"`, `"` + "\u2028\ufeff\u200b" + `"`, `true`,
		`{"b":1,"a":2}`, `[1, 2]`, "\U0010ffff", `"trailing blank" `,
	} {
		all[4].Ops = append(all[4].Ops, set("s", text))
	}
	for i, b := range all {
		b.Room, b.ServerSeq = t.Name(), int64(i)+1
	}
	mustAppend(t, store, all...)
	wantLog(t, store, t.Name(), all...)
}
