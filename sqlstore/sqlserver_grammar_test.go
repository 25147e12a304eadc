package sqlstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Masterminds/squirrel"
	"github.com/antlr4-go/antlr/v4"
	grammar "github.com/bytebase/parser/tsql"
)

// A typing error in a statement must not wait for a server to be found.
func TestEveryStatementOfSQLServerIsGrammatical(t *testing.T) {
	for name, text := range sqlServerStatements(t) {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(text, "$(") {
				t.Errorf("a name is not filled in:\n%s", text)
			}
			if err := checkTSQL(text); err != nil {
				t.Errorf("%v in\n%.2000s", err, text)
			}
		})
	}
}

func TestTheGrammarFindsTypingErrors(t *testing.T) {
	for _, text := range []string{
		"SELEC 1", "SELECT a FROM WHERE b = 1", "SELECT a FROM t ORDER b", "SELECT a FROM t LIMIT 1", "SELECT (a FROM t",
		"INSERT INTO t (a, b VALUES (1, 2)", "UPDATE t SET a = WHERE b = 1", "CREATE TABLE t (a INT NOT NUL)",
		"CREATE INDEX i ON t (a WHERE b = 0", "IF 1 = 1 BEGIN SELECT 1", "COMIT TRANSACTION",
	} {
		if checkTSQL(text) == nil {
			t.Errorf("nothing is found in %s", text)
		}
	}
}

// sqlServerStatements are all statements, by name.
func sqlServerStatements(t *testing.T) map[string]string {
	t.Helper()
	d, err := newDialect("sqlserver://user:password@localhost?database=d&schema=mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	all := map[string]string{
		"schema exists": d.schema().exists("sync_meta"), "lock": d.schema().lock, "durability": sqlServerDelayedDurability,
	}
	for i, migration := range d.schema().migrations {
		for j, piece := range endOfPiece.Split(migration, -1) {
			all[fmt.Sprintf("migration %d, piece %d", i+1, j+1)] = piece
		}
	}
	say := d.schema().idiom
	texts, err := buildTexts(squirrel.AtP, say)
	if err != nil {
		t.Fatal(err)
	}
	all["log"], all["findBatch"], all["lastClientSeq"], all["documents"] =
		texts.log, texts.findBatch, texts.lastClientSeq, texts.documents
	all["checkpoint"], all["nextRoom"], all["oldest"], all["prune"] = texts.checkpoint, texts.nextRoom, texts.oldest, texts.prune
	all["now"] = "SELECT " + say.now
	for _, rows := range sqlServerOpSizes {
		all[fmt.Sprintf("insert %d operations", rows)] =
			withRows(inSQLServerSchema(sqlServerInsertOps, "mine"), rows, sqlServerOpColumns)
		all[fmt.Sprintf("append %d operations", rows)] =
			withRows(inSQLServerSchema(sqlServerAppend, "mine"), rows, sqlServerOpColumns)
	}
	all["identity"] = inSQLServerSchema(sqlServerIdentity, "mine")
	for i, lock := range d.lockWrites() {
		all[fmt.Sprintf("lock %d of writes", i+1)] = lock
	}
	for _, rows := range sqlServerDocumentSizes {
		all[fmt.Sprintf("check %d rooms", rows)] =
			withRows(inSQLServerSchema(sqlServerCheckSpans, "mine"), rows, sqlServerSpanColumns)
		all[fmt.Sprintf("upsert %d documents", rows)] =
			withRows(inSQLServerSchema(sqlServerUpsertDocuments, "mine"), rows, sqlServerDocumentColumns)
		all[fmt.Sprintf("upsert %d checkpoints", rows)] =
			withRows(inSQLServerSchema(sqlServerUpsertCheckpoints, "mine"), rows, sqlServerCheckpointColumns)
	}
	taker := newTaker(d, nil)
	old := d.schema().old
	parameters := func(text string) string {
		text, err := squirrel.AtP.ReplacePlaceholders(taker.text(text))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, text := range map[string]string{
		"names": old.createNames, "copy log": old.copyLog, "all names": taker.allNames(roomName), "case": sameButForCase,
		"old documents": takeoverDocumentQuery, "positions": takeoverPositions, "unsaved": undoUnsaved, "update": undoUpdate,
		"insert": undoInsert, "rename": old.rename("[mine].a", "b"),
	} {
		all["takeover "+name] = parameters(text)
	}
	return all
}

// checkTSQL parses a batch of statements.
func checkTSQL(text string) error {
	var found complaints
	lexer := grammar.NewTSqlLexer(antlr.NewInputStream(text))
	lexer.RemoveErrorListeners()
	lexer.AddErrorListener(&found)
	parser := grammar.NewTSqlParser(antlr.NewCommonTokenStream(lexer, antlr.TokenDefaultChannel))
	parser.RemoveErrorListeners()
	parser.AddErrorListener(&found)
	antlr.ParseTreeWalkerDefault.Walk(&procedureCalls{complaints: &found}, parser.Tsql_file())
	return found.first
}

// complaints keeps the first error of a parse.
type complaints struct {
	antlr.DefaultErrorListener
	first error
}

func (c *complaints) SyntaxError(_ antlr.Recognizer, _ any, line, column int, message string, _ antlr.RecognitionException) {
	if c.first == nil {
		c.first = fmt.Errorf("line %d:%d: %.100s", line, column, message)
	}
}

// procedureCalls complains of a procedure that is called without EXECUTE, at the beginning of a batch: that is what a
// misspelt keyword looks like.
type procedureCalls struct {
	grammar.BaseTSqlParserListener
	complaints *complaints
}

func (p *procedureCalls) EnterExecute_body_batch(call *grammar.Execute_body_batchContext) {
	if p.complaints.first == nil {
		p.complaints.first = fmt.Errorf("%s is taken for a procedure", call.GetText())
	}
}
