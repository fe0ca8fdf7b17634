// Command franz-go runs the contract of the README beside this folder on franz-go.
//
//	franz-go check BOOTSTRAP PREFIX
//	franz-go read BOOTSTRAP PROFILE TOPIC...
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	mode, bootstrap, rest := os.Args[1], os.Args[2], os.Args[3:]
	contract, err := connect(bootstrap)
	if err == nil && mode == "check" {
		err = contract.check(ctx, rest[0])
	} else if err == nil {
		err = contract.read(ctx, profiles[rest[0]], rest[1:])
	}
	if err != nil {
		fmt.Println("FAILED franz-go:", err)
		os.Exit(1)
	}
}

// A contract runs the checks against one broker.
type contract struct {
	bootstrap string
	admin     *kadm.Client
}

func connect(bootstrap string) (*contract, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	return &contract{bootstrap, kadm.NewClient(client)}, nil
}

// client opens a connection of its own for one producer or consumer.
func (c *contract) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(c.bootstrap))...)
}

func passed(format string, arguments ...any) {
	fmt.Printf("ok "+format+"\n", arguments...)
}
