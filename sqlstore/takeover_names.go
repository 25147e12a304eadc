package sqlstore

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/takeover"
)

// nameKind is the kind of a name in the table of names.
type nameKind string

const (
	roomName nameKind = "room"
	keyName  nameKind = "key"
)

// newNames has the predecessor's names that change.
type newNames struct {
	changed []newName
	of      map[nameKind]map[string]string // by the old name
}

type newName struct {
	id        int64 // in the order of the old names
	kind      nameKind
	old, name string
}

// get returns the new name for an old one.
func (n newNames) get(kind nameKind, old string) string {
	if name, changed := n.of[kind][old]; changed {
		return name
	}
	return old
}

// hashed matches names that takeover.Name has generated.
var hashed = regexp.MustCompile(`~[0-9a-f]{8}`)

// allNames is a query for all names of a kind, each with a dot appended, and their numbers.
func (t *taker) allNames(kind nameKind) string {
	column := map[nameKind]string{roomName: "room", keyName: "store_key"}[kind]
	return t.text("SELECT ROW_NUMBER() OVER (ORDER BY name) AS id, '" + string(kind) + "' AS kind, name AS old_name FROM (" +
		"SELECT $dotted(" + column + ") AS name FROM $(sync_documents_old) UNION SELECT $dotted(" + column + ") FROM $(sync_change_log_old)) names")
}

// findNames reads all names and decides which of them change. It remembers unchanged names only if a generated name could
// equal them.
func (t *taker) findNames(ctx context.Context, db rowsQueryer) error {
	t.names = newNames{of: map[nameKind]map[string]string{}}
	for _, kind := range []nameKind{roomName, keyName} {
		taken := map[string]bool{}
		var odd []newName
		err := eachRow(ctx, db, t.allNames(kind)+" ORDER BY id", func(rows *sql.Rows) error {
			n := newName{}
			if err := rows.Scan(&n.id, &n.kind, &n.old); err != nil {
				return err
			}
			n.old = strings.TrimSuffix(n.old, ".")
			if name, changed := takeover.Name(n.old, func(string) bool { return false }); changed {
				odd = append(odd, n)
			} else if hashed.MatchString(name) {
				taken[name] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		t.names.of[kind] = make(map[string]string, len(odd))
		for _, n := range odd {
			n.name, _ = takeover.Name(n.old, func(name string) bool { return taken[name] })
			taken[n.name] = true
			t.names.of[kind][n.old] = n.name
			t.names.changed = append(t.names.changed, n)
			t.log.Warn("renamed a room or key of the predecessor, whose name is not valid in a URL", "kind", kind, "old", n.old, "new", n.name)
		}
	}
	t.report.Renamed = int64(len(t.names.changed))
	return t.findCase(ctx)
}

// saveNames creates the table of changed names. Old names are copied within the database, because some cannot be passed
// through the driver unchanged.
func (t *taker) saveNames(ctx context.Context, tx *sql.Tx, progress string) error {
	if progress != "" {
		return nil
	}
	there, err := tableExists(ctx, t.d, tx, renamedTable)
	if err != nil {
		return err
	}
	if there { // from a takeover that was undone
		if err := t.exec(ctx, tx, t.text("DROP TABLE $(names)")); err != nil {
			return err
		}
	}
	if err := t.exec(ctx, tx, t.text(t.d.Schema().Predecessor.CreateNames)); err != nil {
		return err
	}
	for _, kind := range []nameKind{roomName, keyName} {
		if err := t.exec(ctx, tx, t.text("INSERT INTO $(names) (id, kind, old_name) "+t.allNames(kind))); err != nil {
			return err
		}
	}
	syntax := t.d.Schema().Syntax
	for _, n := range t.names.changed {
		err := exec(ctx, t.d, tx, squirrel.Update(t.table(renamedTable)).Set("new_name", syntax.TextArgument(n.name)).
			Where("kind = ?", string(n.kind)).Where("id = ?", n.id))
		if err != nil {
			return err
		}
	}
	if err := t.exec(ctx, tx, t.text("DELETE FROM $(names) WHERE new_name IS NULL")); err != nil {
		return err
	}
	return exec(ctx, t.d, tx, squirrel.Insert(t.table("sync_meta")).Columns("name", "value").Values(takeoverMeta, takeoverLog+"0"))
}

const sameButForCase = `SELECT MIN(name), MAX(name), CAST(COUNT(*) AS BIGINT)
FROM (SELECT $dotted(room) AS name FROM $(sync_documents_old) UNION SELECT $dotted(room) FROM $(sync_change_log_old)) names
GROUP BY LOWER(name) HAVING COUNT(*) > 1`

// findCase finds rooms whose names differ only in case. With a case-insensitive collation, the predecessor treated them as
// one room; now they are separate.
func (t *taker) findCase(ctx context.Context) error {
	return eachRow(ctx, t.d.Reader(), t.text(sameButForCase), func(rows *sql.Rows) error {
		var first, last string
		var rooms int64
		if err := rows.Scan(&first, &last, &rooms); err != nil {
			return err
		}
		t.report.CaseRooms += rooms
		t.log.Warn("rooms whose names differ only in case are separate rooms", "rooms", rooms,
			"one", strings.TrimSuffix(first, "."), "another", strings.TrimSuffix(last, "."))
		return nil
	})
}

type rowsQueryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachRow calls use for each row of a query.
func eachRow(ctx context.Context, db rowsQueryer, query string, use func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := use(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
