package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/Masterminds/squirrel"
)

// statements are those that are the same in every database but for the form of their parameters. Their texts never
// change while a server runs, so each database plans them once.
//
// None but oldest has a LIMIT, which T-SQL lacks: whoever wants less of a result stops reading it.
type statements struct {
	findBatch     *sql.Stmt // room, room, client_id, client_seq
	lastClientSeq *sql.Stmt // room, client_id
	documents     *sql.Stmt // room
	checkpoint    *sql.Stmt // room, room, room
	head          *sql.Stmt // room
	epoch         *sql.Stmt
	nextRoom      *sql.Stmt // after
	oldest        *sql.Stmt // room, after, number of rows
	prune         *sql.Stmt // room, after, through, room, epoch
}

// texts are the statements before they are prepared. log is for the dialects whose driver can stop in the middle of a
// result, without receiving the rest: they prepare it themselves.
type texts struct {
	log, findBatch, lastClientSeq, documents, checkpoint, head, epoch, nextRoom, oldest, prune string
}

// idiom is how a dialect says what the common statements have in common. The zero value is plain SQL.
type idiom struct {
	tables   string           // before the name of each table: a schema and its dot
	prelude  string           // before each SELECT
	text     string           // an expression of a text parameter, which is ? in it
	argument func(string) any // what a text is handed to the driver as
	name     func(string) any // what a name that rows are looked for by is handed to the driver as

	now   string // an expression of the time
	bytes string // a function of how many bytes a text has; it does not read the text
	limit string // ends a query of at most so many rows, which are ? in it
}

func (i idiom) table(name string) string { return i.tables + name }

// parameter is the expression of a text parameter.
func (i idiom) parameter() string {
	if i.text == "" {
		return "?"
	}
	return i.text
}

func (i idiom) textArgument(text string) any {
	if i.argument == nil {
		return text
	}
	return i.argument(text)
}

func (i idiom) nameArgument(name string) any {
	if i.name == nil {
		return name
	}
	return i.name(name)
}

func buildTexts(format squirrel.PlaceholderFormat, say idiom) (t texts, err error) {
	// The parameters' values are given with each call; here they only have to be there.
	const parameter = ""
	log, documents, meta := say.table("sync_change_log"), say.table("sync_documents"), say.table("sync_meta")
	inRoom := "room = " + say.parameter()
	// Rows with a negative op_index are from before a takeover (migrations/sqlserver), and no part of the history.
	rows := squirrel.Select("store_key", "client_id", "client_seq", "server_seq", "server_ts",
		"op", "path", "value", "array_index", "discarded", "user_id").From(log).Where("op_index >= 0")
	// The first row of each batch stands for it. The comparison is with a literal, because an index of these rows alone
	// (`WHERE op_index = 0`) serves a query only if that can be seen in its text.
	sent := squirrel.Select().From(log).Where("op_index = 0").
		Where(inRoom, parameter).Where("client_id = "+say.parameter(), parameter)
	first := sent.Columns("MIN(server_seq)").Where("client_seq = ?", parameter)

	for _, q := range []struct {
		text  *string
		query squirrel.SelectBuilder
	}{
		{&t.log, rows.Where(inRoom, parameter).Where("server_seq > ?", parameter).OrderBy("server_seq", "op_index")},
		{&t.findBatch, rows.Where(inRoom, parameter).Where(first.Prefix("server_seq = (").Suffix(")")).OrderBy("op_index")},
		{&t.lastClientSeq, sent.Columns("MAX(client_seq)").Where("client_seq IS NOT NULL")},
		{&t.documents, squirrel.Select("store_key", "server_seq", "state").From(documents).Where(inRoom, parameter)},
		{&t.checkpoint, squirrel.Select().Column("COALESCE((SELECT server_seq FROM "+say.table("sync_checkpoints")+" WHERE "+inRoom+
			"), (SELECT MAX(server_seq) FROM "+documents+" WHERE "+inRoom+"))", parameter, parameter).
			Column("(SELECT documents FROM "+say.table("sync_checkpoints")+" WHERE "+inRoom+")", parameter)},
		{&t.head, squirrel.Select("MAX(server_seq)").From(log).Where("op_index >= 0").Where(inRoom, parameter)},
		{&t.epoch, squirrel.Select("value").From(meta).Where("name = 'epoch'")},
		{&t.nextRoom, squirrel.Select("MIN(room)").From(log).Where("room > "+say.parameter(), parameter)},
	} {
		if *q.text, _, err = q.query.PlaceholderFormat(format).ToSql(); err != nil {
			return texts{}, fmt.Errorf("building statements: %w", err)
		}
		*q.text = say.prelude + *q.text
	}
	// The order of the index, so that only rows are visited that go. The last batch of the log stays.
	t.prune, _, err = squirrel.Delete(log).Where(inRoom, parameter).Where("server_seq > ?", parameter).
		Where("server_seq <= ?", parameter).Where("op_index >= 0").
		Where("server_seq < (SELECT MAX(server_seq) FROM "+log+" WHERE "+inRoom+" AND op_index >= 0)", parameter).
		Where("EXISTS (SELECT 1 FROM "+meta+" WHERE name = 'epoch' AND value = "+say.parameter()+")", parameter).
		PlaceholderFormat(format).ToSql()
	if err != nil {
		return texts{}, fmt.Errorf("building statements: %w", err)
	}
	t.oldest, err = format.ReplacePlaceholders(say.oldestRows(log, inRoom))
	if err != nil {
		return texts{}, fmt.Errorf("building statements: %w", err)
	}
	return t, nil
}

// oldestRows is the query for the first rows of a room's log after a serverSeq.
func (i idiom) oldestRows(log, inRoom string) string {
	columns := "server_seq, server_ts, " + i.bytes + "(value)"
	where := " FROM " + log + " WHERE " + inRoom + " AND server_seq > ? AND op_index >= 0 ORDER BY server_seq, op_index "
	return i.prelude + "SELECT " + columns + where + i.limit
}

func prepare(ctx context.Context, d dialect) (s statements, err error) {
	t, err := buildTexts(d.placeholders(), d.schema().idiom)
	if err != nil {
		return statements{}, err
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		pool *sql.DB
		text string
	}{
		{&s.findBatch, d.reader(), t.findBatch},
		{&s.lastClientSeq, d.reader(), t.lastClientSeq},
		{&s.documents, d.reader(), t.documents},
		{&s.checkpoint, d.reader(), t.checkpoint},
		{&s.head, d.reader(), t.head},
		{&s.epoch, d.reader(), t.epoch},
		{&s.nextRoom, d.reader(), t.nextRoom},
		{&s.oldest, d.reader(), t.oldest},
		{&s.prune, d.writer(), t.prune},
	} {
		//nolint:sqlclosecheck // they live as long as the pool, and are closed with it
		if *p.stmt, err = p.pool.PrepareContext(ctx, p.text); err != nil {
			return statements{}, fmt.Errorf("preparing statements: %w", err)
		}
	}
	return s, nil
}

// prepareLog prepares the text of log, whose parameters are room and after.
func prepareLog(ctx context.Context, d dialect) (*sql.Stmt, error) {
	t, err := buildTexts(d.placeholders(), d.schema().idiom)
	if err != nil {
		return nil, err
	}
	return d.reader().PrepareContext(ctx, t.log)
}
