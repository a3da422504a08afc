//! Encrypted connections to a real RabbitMQ, with a certificate authority of the test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gristmill_rabbitmq::{Broker, BrokerOptions, ConnectError, Tls};
use gristmill_testbroker::{Node, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Runs a test; a hang is a failure, not a wait.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(300), test)
            .await
            .expect("no hang");
    });
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

/// `ca.pem`, and for `server` and `client` a certificate and a key; `other.pem` is a stranger.
fn certificates() -> Files {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let authority = |name: &str| {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let ca = authority("test authority");
    files.write("ca.pem", &ca.pem());
    files.write("other.pem", &authority("somebody else").pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        files.write(&format!("{name}.pem"), &certificate.pem());
        files.write(&format!("{name}.key"), &key.serialize_pem());
    }
    files
}

fn setting(name: &str, path: &Path) -> String {
    format!("ssl_options.{name} = {}", path.display())
}

#[test]
fn certificates_of_both_sides_are_checked() {
    let files = certificates();
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let node = Node::start(Settings {
        config: vec![
            format!("listeners.ssl.1 = 127.0.0.1:{port}"),
            setting("cacertfile", &files.path("ca.pem")),
            setting("certfile", &files.path("server.pem")),
            setting("keyfile", &files.path("server.key")),
            "ssl_options.verify = verify_peer".into(),
            "ssl_options.fail_if_no_peer_cert = true".into(),
        ],
        ..Settings::default()
    })
    .unwrap();
    let vhost = node.vhost().unwrap();
    let url = vhost
        .url()
        .replace("amqp://", "amqps://")
        .replace(&format!(":{}/", node.port()), &format!(":{port}/"));
    let connect = async |tls: Tls| {
        let mut options = BrokerOptions::new(url.parse().unwrap());
        options.tls = tls;
        Broker::connect(options).await
    };
    let identity = Some((files.path("client.pem"), files.path("client.key")));
    run(async {
        let broker = connect(Tls {
            ca: Some(files.path("ca.pem")),
            identity: identity.clone(),
        })
        .await
        .unwrap();
        broker.close().await;

        let strange = connect(Tls {
            ca: Some(files.path("other.pem")),
            identity: identity.clone(),
        });
        let error = strange.await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error}");

        let mut plain = BrokerOptions::new(url.replace("amqps:", "amqp:").parse().unwrap());
        plain.connect_limit = Some(std::time::Duration::from_secs(20));
        let error = Broker::connect(plain).await.unwrap_err();
        assert!(error.to_string().contains("the port wants TLS"), "{error}");
        assert!(matches!(error, ConnectError::Refused { .. }), "{error}");

        let nobody = connect(Tls {
            ca: Some(files.path("ca.pem")),
            identity: None,
        });
        let error = nobody.await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error}");

        let nothing = connect(Tls {
            ca: Some(files.path("client.key")),
            identity,
        });
        let error = nothing.await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    });
}
