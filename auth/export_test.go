package auth

// Verdicts returns the number of cached verdicts.
func Verdicts(a *Application) int { return a.verdicts.Len() }
