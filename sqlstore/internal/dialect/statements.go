package dialect

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"

	"github.com/Masterminds/squirrel"
)

// Syntax has what differs between the dialects in statements that are otherwise the same. The zero value is plain SQL.
type Syntax struct {
	Tables  string           // precedes the name of each table: a schema and a dot
	Prelude string           // precedes each SELECT
	Text    string           // an expression for a text parameter, which is ? in it
	Arg     func(string) any // converts a text argument for the driver
	NameArg func(string) any // converts a name by which rows are looked up

	Now   string // an expression for the current time
	Bytes string // a function for the length of a text in bytes, which does not read the text
	Limit string // ends a query with a maximum number of rows, which is ? in it

	FindBatch, LastClientSeq string // replace the statements of Texts; "": they are the common ones
}

// Table returns a table's qualified name.
func (s Syntax) Table(name string) string { return s.Tables + name }

// Parameter returns the expression for a text parameter.
func (s Syntax) Parameter() string {
	if s.Text == "" {
		return "?"
	}
	return s.Text
}

// TextArgument converts a text argument for the driver.
func (s Syntax) TextArgument(text string) any {
	if s.Arg == nil {
		return text
	}
	return s.Arg(text)
}

// NameArgument converts a name by which rows are looked up.
func (s Syntax) NameArgument(name string) any {
	if s.NameArg == nil {
		return name
	}
	return s.NameArg(name)
}

// Texts are the statements that are the same in every database, except for Syntax and placeholders. They never change
// while a server runs, so each database plans them once.
//
// Only Oldest has a LIMIT, which T-SQL lacks. A reader that needs fewer rows stops reading the result.
type Texts struct {
	Log           string // room, after; for dialects whose driver can stop in the middle of a result
	FindBatch     string // room, room, client_id, client_seq
	LastClientSeq string // room, client_id
	Documents     string // room
	Checkpoint    string // room, room, room
	Head          string // room
	Epoch         string
	NextRoom      string // after
	RoomAfter     string // after, after
	Oldest        string // room, after, number of rows
	Prune         string // room, after, through, room, epoch
}

// BuildTexts returns the statements for a dialect's placeholders and syntax.
func BuildTexts(format squirrel.PlaceholderFormat, syntax Syntax) (t Texts, err error) {
	const parameter = "" // a placeholder: each call passes the value
	log, documents, meta := syntax.Table("sync_change_log"), syntax.Table("sync_documents"), syntax.Table("sync_meta")
	inRoom := "room = " + syntax.Parameter()
	// Rows with a negative op_index were copied by a takeover and are not part of the history.
	rows := squirrel.Select("store_key", "client_id", "client_seq", "server_seq", "server_ts",
		"op", "path", "value", "array_index", "discarded", "user_id").From(log).Where("op_index >= 0")
	// The first row of each batch represents it. The comparison has a literal because a partial index
	// (`WHERE op_index = 0`) serves a query only if the query's text implies its condition.
	sent := squirrel.Select().From(log).Where("op_index = 0").
		Where(inRoom, parameter).Where("client_id = "+syntax.Parameter(), parameter)
	first := sent.Columns("MIN(server_seq)").Where("client_seq = ?", parameter)

	for _, q := range []struct {
		text  *string
		query squirrel.SelectBuilder
	}{
		{&t.Log, rows.Where(inRoom, parameter).Where("server_seq > ?", parameter).OrderBy("server_seq", "op_index")},
		{&t.FindBatch, rows.Where(inRoom, parameter).Where(first.Prefix("server_seq = (").Suffix(")")).OrderBy("op_index")},
		{&t.LastClientSeq, sent.Columns("MAX(client_seq)").Where("client_seq IS NOT NULL")},
		{&t.Documents, squirrel.Select("store_key", "server_seq", "state").From(documents).Where(inRoom, parameter)},
		{&t.Checkpoint, squirrel.Select().Column("COALESCE((SELECT server_seq FROM "+syntax.Table("sync_checkpoints")+" WHERE "+inRoom+
			"), (SELECT MAX(server_seq) FROM "+documents+" WHERE "+inRoom+"))", parameter, parameter).
			Column("(SELECT documents FROM "+syntax.Table("sync_checkpoints")+" WHERE "+inRoom+")", parameter)},
		{&t.Head, squirrel.Select("MAX(server_seq)").From(log).Where("op_index >= 0").Where(inRoom, parameter)},
		{&t.Epoch, squirrel.Select("value").From(meta).Where("name = 'epoch'")},
		{&t.NextRoom, squirrel.Select("MIN(room)").From(log).Where("room > "+syntax.Parameter(), parameter)},
	} {
		if *q.text, _, err = q.query.PlaceholderFormat(format).ToSql(); err != nil {
			return Texts{}, fmt.Errorf("building statements: %w", err)
		}
		*q.text = syntax.Prelude + *q.text
	}
	t.RoomAfter, err = format.ReplacePlaceholders(syntax.roomAfter(log, documents))
	if err != nil {
		return Texts{}, fmt.Errorf("building statements: %w", err)
	}
	t.FindBatch, t.LastClientSeq = cmp.Or(syntax.FindBatch, t.FindBatch), cmp.Or(syntax.LastClientSeq, t.LastClientSeq)
	// The conditions follow the index, so that only pruned rows are visited. The last batch of a log is never pruned.
	t.Prune, _, err = squirrel.Delete(log).Where(inRoom, parameter).Where("server_seq > ?", parameter).
		Where("server_seq <= ?", parameter).Where("op_index >= 0").
		Where("server_seq < (SELECT MAX(server_seq) FROM "+log+" WHERE "+inRoom+" AND op_index >= 0)", parameter).
		Where("EXISTS (SELECT 1 FROM "+meta+" WHERE name = 'epoch' AND value = "+syntax.Parameter()+")", parameter).
		PlaceholderFormat(format).ToSql()
	if err != nil {
		return Texts{}, fmt.Errorf("building statements: %w", err)
	}
	t.Oldest, err = format.ReplacePlaceholders(syntax.oldestRows(log, inRoom))
	if err != nil {
		return Texts{}, fmt.Errorf("building statements: %w", err)
	}
	return t, nil
}

// roomAfter is the query for the next room with a log or documents. Each part is an index search. A room without a log has the
// serverSeq of its documents.
func (s Syntax) roomAfter(log, documents string) string {
	after := " WHERE room > " + s.Parameter()
	head := "(SELECT MAX(server_seq) FROM " + log + " WHERE room = r.room AND op_index >= 0)"
	of := " FROM " + documents + " WHERE room = r.room)"
	return s.Prelude + "SELECT r.room, COALESCE(" + head + ", (SELECT MAX(server_seq)" + of + "), " +
		"(SELECT MAX(server_ts) FROM " + log + " WHERE room = r.room AND op_index >= 0 AND server_seq = " + head + "), " +
		"(SELECT COUNT(*)" + of + ", (SELECT SUM(" + s.Bytes + "(state))" + of +
		" FROM (SELECT MIN(n.room) AS room FROM (SELECT MIN(room) AS room FROM " + log + after +
		" UNION ALL SELECT MIN(room) AS room FROM " + documents + after + ") AS n) AS r"
}

// oldestRows is the query for the first rows of a room's log after a serverSeq.
func (s Syntax) oldestRows(log, inRoom string) string {
	columns := "server_seq, server_ts, " + s.Bytes + "(value)"
	where := " FROM " + log + " WHERE " + inRoom + " AND server_seq > ? AND op_index >= 0 ORDER BY server_seq, op_index "
	return s.Prelude + "SELECT " + columns + where + s.Limit
}

// PrepareLog prepares Texts.Log.
func PrepareLog(ctx context.Context, d Dialect) (*sql.Stmt, error) {
	t, err := BuildTexts(d.Placeholders(), d.Schema().Syntax)
	if err != nil {
		return nil, err
	}
	return d.Reader().PrepareContext(ctx, t.Log)
}
