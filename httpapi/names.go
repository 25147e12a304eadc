package httpapi

import (
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
)

// pathName returns a name that is part of the address, decoded and checked.
func pathName(c echo.Context, param string, maxLength int) (string, error) {
	name := c.Param(param)
	// echo matches the encoded path when it has an encoded slash, and hands out its pieces as they are.
	if c.Request().URL.RawPath != "" {
		decoded, err := url.PathUnescape(name)
		if err != nil {
			return "", problem(InvalidName, param+" is not percent-encoded as it should be")
		}
		name = decoded
	}
	if err := core.CheckName(name, maxLength); err != nil {
		return "", problem(InvalidName, param+" "+err.Error())
	}
	return name, nil
}

// checkQuery answers with a code to a query that cannot be read. What is unreadable in it would otherwise count as absent:
// a position as none, and a name as nobody's.
func checkQuery(c echo.Context, code Code) error {
	if _, err := url.ParseQuery(c.Request().URL.RawQuery); err != nil {
		return problem(code, "the query is not percent-encoded as it should be")
	}
	return nil
}

// queryName returns a name that is a query parameter, checked, and "" when it is absent.
func queryName(c echo.Context, param string, check func(string, int) error, maxLength int) (string, error) {
	name := c.QueryParam(param)
	if name == "" {
		return "", nil
	}
	if err := check(name, maxLength); err != nil {
		return "", problem(InvalidName, param+" "+err.Error())
	}
	return name, nil
}
