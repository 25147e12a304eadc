package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (*completionCommand) Help() string {
	return `Prints a script that lets a shell complete commands and flags. Load it at the start of the shell:

  source <(pathsync completion bash)    # in ~/.bashrc
  source <(pathsync completion zsh)     # in ~/.zshrc, after compinit
  pathsync completion fish | source     # in ~/.config/fish/config.fish`
}

// Run prints the script.
func (c *completionCommand) Run(p *program, ctx *kong.Context) error {
	script := map[string]func([]completed) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	return p.stdout.printf("%s", script(completions(ctx.Model.Node)))
}

// completed is a command, and what can follow it.
type completed struct {
	path  string // /token/make; "" is the program
	words []completion
}

// completion is a word that can follow a command.
type completion struct {
	word, help string
	takesValue bool
}

// completions lists the commands. The flags of the default command can also follow the program.
func completions(root *kong.Node) (all []completed) {
	var walk func(node *kong.Node, path string)
	walk = func(node *kong.Node, path string) {
		at := len(all)
		all = append(all, completed{path: path})
		flags := node.Flags
		for _, child := range node.Children {
			all[at].words = append(all[at].words, completion{word: child.Name, help: summary(child.Help)})
			if child == node.DefaultCmd {
				flags = append(flags, child.Flags...)
			}
			walk(child, path+"/"+child.Name)
		}
		if node.Parent != nil {
			flags = append(flags, root.Flags...)
		}
		for _, flag := range flags {
			if !flag.Hidden {
				all[at].words = append(all[at].words, completion{"--" + flag.Name, summary(flag.Help), !flag.IsBool()})
			}
		}
	}
	walk(root, "")
	return all
}

// summary returns the first sentence of a help text.
func summary(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}

// paths returns the commands, for a pattern of a shell.
func paths(all []completed, separator string) string {
	var names []string
	for _, c := range all {
		if c.path != "" {
			names = append(names, c.path)
		}
	}
	return strings.Join(names, separator)
}

func bashCompletion(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `_pathsync() {
  local word words path=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
      %s) path="$path/$word" ;;
    esac
  done
  case "$path" in
`, paths(all, "|"))
	for _, c := range all {
		words := make([]string, len(c.words))
		for i, w := range c.words {
			words[i] = w.word
		}
		fmt.Fprintf(&b, "    %q) words=%q ;;\n", c.path, strings.Join(words, " "))
	}
	return b.String() + `  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pathsync pathsync
`
}

// quoted returns a text in single quotes.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func zshCompletion(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef pathsync
_pathsync() {
  local word cmd= missing=1
  local -a commands options
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$cmd/$word" in
      %s) cmd="$cmd/$word" ;;
    esac
  done
  case "$cmd" in
`, paths(all, "|"))
	for _, c := range all {
		fmt.Fprintf(&b, "    %q)", c.path)
		for _, w := range c.words {
			list := "commands"
			if strings.HasPrefix(w.word, "--") {
				list = "options"
			}
			fmt.Fprintf(&b, "\n      %s+=(%s)", list, quoted(w.word+":"+w.help))
		}
		b.WriteString(" ;;\n")
	}
	return b.String() + `  esac
  _describe command commands && missing=0
  _describe -o option options && missing=0
  (( missing )) && _files
}
compdef _pathsync pathsync
`
}

func fishCompletion(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `function __pathsync_path
  set -l path ""
  for word in (commandline -opc)[2..-1]
    switch "$path/$word"
      case %s
        set path "$path/$word"
    end
  end
  echo $path
end
`, paths(all, " "))
	for _, c := range all {
		for _, w := range c.words {
			what := "-f -a " + w.word
			if flag, ok := strings.CutPrefix(w.word, "--"); ok {
				what = "-l " + flag
				if w.takesValue {
					what += " -r"
				}
			}
			help := strings.ReplaceAll(strings.ReplaceAll(w.help, `\`, `\\`), "'", `\'`)
			fmt.Fprintf(&b, "complete -c pathsync -n 'test (__pathsync_path) = \"%s\"' %s -d '%s'\n", c.path, what, help)
		}
	}
	return b.String()
}
