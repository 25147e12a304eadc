// Package tsql parses every statement for SQL Server with a grammar of T-SQL, so that a syntax error is found without a
// server.
package tsql

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/antlr4-go/antlr/v4"
	grammar "github.com/bytebase/parser/tsql"

	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/sqlstore"
)

const dsn = "sqlserver://user:password@localhost?database=d&schema=mine"

func TestEveryStatementOfSQLServerIsGrammatical(t *testing.T) {
	statements, err := sqlstore.Statements(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range statements {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(text, "$(") {
				t.Errorf("a name is not filled in:\n%s", text)
			}
			if err := parse(text); err != nil {
				t.Errorf("%v in\n%.2000s", err, text)
			}
		})
	}
}

func TestEveryBatchOfAMigrationScriptIsGrammatical(t *testing.T) {
	for from := range 2 { // new tables, and an upgrade
		script, err := sqlstore.MigrationScript(t.Context(), dsn, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, batch := range regexp.MustCompile(`(?m)^GO\s*$`).Split(script, -1) {
			if err := parse(batch); err != nil {
				t.Errorf("%v in\n%s", err, batch)
			}
		}
	}
}

func TestQueriesOfThePageAreGrammatical(t *testing.T) {
	for _, query := range testkit.Queries(t, "../../docs/run/databases.md", testkit.SQLServer) {
		if err := parse(query); err != nil {
			t.Errorf("%v in\n%s", err, query)
		}
	}
}

func TestTheGrammarFindsSyntaxErrors(t *testing.T) {
	for _, text := range []string{
		"SELEC 1", "SELECT a FROM WHERE b = 1", "SELECT a FROM t ORDER b", "SELECT a FROM t LIMIT 1", "SELECT (a FROM t",
		"INSERT INTO t (a, b VALUES (1, 2)", "UPDATE t SET a = WHERE b = 1", "CREATE TABLE t (a INT NOT NUL)",
		"CREATE INDEX i ON t (a WHERE b = 0", "IF 1 = 1 BEGIN SELECT 1", "COMIT TRANSACTION",
	} {
		if parse(text) == nil {
			t.Errorf("no error is found in %s", text)
		}
	}
}

// parse parses a batch of statements.
func parse(text string) error {
	var found firstError
	lexer := grammar.NewTSqlLexer(antlr.NewInputStream(text))
	lexer.RemoveErrorListeners()
	lexer.AddErrorListener(&found)
	parser := grammar.NewTSqlParser(antlr.NewCommonTokenStream(lexer, antlr.TokenDefaultChannel))
	parser.RemoveErrorListeners()
	parser.AddErrorListener(&found)
	antlr.ParseTreeWalkerDefault.Walk(&procedureCalls{errors: &found}, parser.Tsql_file())
	return found.err
}

// firstError keeps the first error of a parser.
type firstError struct {
	antlr.DefaultErrorListener
	err error
}

func (e *firstError) SyntaxError(_ antlr.Recognizer, _ any, line, column int, message string, _ antlr.RecognitionException) {
	if e.err == nil {
		e.err = fmt.Errorf("line %d:%d: %.100s", line, column, message)
	}
}

// procedureCalls reports a procedure that is called without EXECUTE, at the beginning of a batch: a misspelt keyword parses
// as such a call.
type procedureCalls struct {
	grammar.BaseTSqlParserListener
	errors *firstError
}

func (p *procedureCalls) EnterExecute_body_batch(call *grammar.Execute_body_batchContext) {
	if p.errors.err == nil {
		p.errors.err = fmt.Errorf("%s is parsed as a procedure call", call.GetText())
	}
}
