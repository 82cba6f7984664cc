// Command lastcall names the request that killed your containers.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"lastcall/cmd/internal/cli"
)

func main() {
	// SIGPIPE is taken over, so that a reader that goes away (`| head`) ends the program through a write error, after it has
	// tidied up, and not in the middle of a file.
	signal.Ignore(syscall.SIGPIPE)
	ctx, again := cli.Interrupts()
	os.Exit(cli.Main(ctx, cli.System{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv, Now: time.Now, Again: again,
	}))
}
