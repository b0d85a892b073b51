package rig

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// An API is a real kube-apiserver with its etcd. Nothing else of Kubernetes
// runs: no controller removes what is orphaned or finishes the deletion of a
// namespace, and no kubelet reports the state of pods.
type API struct {
	Address      string // host:port
	Kubeconfig   string // path, of the administrator
	ETCD, Server *Process

	store   string // URL of etcd
	dir     string
	ca      *authority
	config  *rest.Config
	typed   kubernetes.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// StartAPI starts an empty etcd and an API server on it.
func StartAPI(t testing.TB) *API {
	t.Helper()
	etcd, server := Binary(t, "etcd"), Binary(t, "kube-apiserver")
	ports := freePorts(t, 3)
	a := &API{dir: runDir(t), Address: local(ports[2]), store: "http://" + local(ports[0])}
	a.ca = newAuthority(t, a.dir)
	a.ETCD = Start(t, Server{"etcd", func() *exec.Cmd { return etcdCommand(etcd, a.dir, ports) }, answers(nil, a.store+"/health")})

	admin := a.ca.issue(t, "admin", subject{name: "rig-admin", groups: []string{"system:masters"}})
	a.ca.issue(t, "server", subject{
		name: "kube-apiserver", ips: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
		dns: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
	})
	writeKey(t, filepath.Join(a.dir, "sa.key"), newKey(t))
	a.Server = Start(t, Server{"kube-apiserver", func() *exec.Cmd { return a.serverCommand(server, ports) }, a.readyAs(t, admin)})
	a.Kubeconfig = a.kubeconfig(t, "admin", login{pair: admin})
	a.connect(t)
	return a
}

func etcdCommand(binary, dir string, ports []int) *exec.Cmd {
	client, peer := "http://"+local(ports[0]), "http://"+local(ports[1])
	return exec.Command(binary, "--name=rig", "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=rig="+peer)
}

func (a *API) serverCommand(binary string, ports []int) *exec.Cmd {
	in := func(file string) string { return filepath.Join(a.dir, file) }
	return exec.Command(binary, "--etcd-servers=http://"+local(ports[0]),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[2]),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24", "--allow-privileged=true", "--authorization-mode=RBAC",
		"--client-ca-file="+a.ca.CA, "--tls-cert-file="+in("server.crt"), "--tls-private-key-file="+in("server.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+in("sa.key"), "--service-account-signing-key-file="+in("sa.key"),
		"--disable-admission-plugins=ServiceAccount") // nobody makes the default accounts that it wants
}

// readyAs asks the server with a certificate: who is nobody may not ask.
func (a *API) readyAs(t testing.TB, admin pair) func(context.Context) error {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(admin.Cert, admin.Key)
	if err != nil {
		t.Fatal(err)
	}
	config, err := rest.TLSConfigFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAFile: a.ca.CA}})
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{cert}
	return answers(config, "https://"+a.Address+"/readyz")
}

// answers asks an address over HTTP until it says 200.
func answers(config *tls.Config, url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s says %s", url, resp.Status)
		}
		return nil
	}
}

func (a *API) connect(t testing.TB) {
	t.Helper()
	var err error
	if a.config, err = clientcmd.BuildConfigFromFlags("", a.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	a.config.QPS, a.config.Burst = 500, 1000
	a.config.WarningHandler = rest.NoWarnings{}
	if a.typed, err = kubernetes.NewForConfig(a.config); err != nil {
		t.Fatal(err)
	}
	if a.dynamic, err = dynamic.NewForConfig(a.config); err != nil {
		t.Fatal(err)
	}
	a.mapper = newMapper(a.typed.Discovery())
}

// URL is the server's address.
func (a *API) URL() string { return "https://" + a.Address }
