package httpapi

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// This is the only file that knows the router library; tests/direction checks it.

// newRouter returns a handler that calls the handler of a request's route. Its ResponseWriter must be a *response with its
// request. fail answers a request whose handler returns an error, or that has no route.
func newRouter(routes []route, fail func(*response, *http.Request, error)) http.Handler {
	router := echo.New()
	router.IPExtractor = echo.ExtractIPDirect()
	router.HTTPErrorHandler = func(err error, c echo.Context) {
		var he *echo.HTTPError
		switch {
		case errors.As(err, &he) && he.Code == http.StatusNotFound:
			err = problem.New(problem.RouteNotFound, "")
		case errors.As(err, &he) && he.Code == http.StatusMethodNotAllowed:
			err = problem.New(problem.MethodNotAllowed, "")
		}
		fail(c.Response().Writer.(*response), c.Request(), err)
	}
	for _, r := range routes {
		router.Add(r.method, r.path, adapt(r))
	}
	return router
}

// adapt calls the handler of a route.
func adapt(r route) echo.HandlerFunc {
	name := r.name()
	return func(c echo.Context) error {
		w := c.Response().Writer.(*response)
		w.entry.route = name
		values := c.ParamValues()
		for i, parameter := range c.ParamNames() {
			value := values[i]
			// echo matches the escaped path when it has an escaped slash, and does not unescape parameters then.
			if w.request.URL.RawPath != "" && parameter != "*" {
				unescaped, err := url.PathUnescape(value)
				if err != nil {
					return problem.New(problem.InvalidName, parameter+" is not percent-encoded correctly")
				}
				value = unescaped
			}
			w.request.setPathValue(i, parameter, value)
		}
		return r.handle(w, w.request)
	}
}
