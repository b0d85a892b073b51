package deploy

import (
	"os"
	"testing"

	"github.com/segproof/segproof/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
