package auth

// Verdicts is how many verdicts are remembered.
func Verdicts(a *Application) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.verdicts)
}
