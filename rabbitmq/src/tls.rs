//! Encryption of the connection: whom to trust, and who we are. It must not know the protocol
//! inside.

use std::path::{Path, PathBuf};

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How an `amqps://` connection is made.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// A PEM file of certificate authorities that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of the client's certificate (with its chain) and private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why encryption could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it should be.
    #[error("{what} {path}: {reason}")]
    File {
        /// What the file should hold.
        what: &'static str,
        /// Its name.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The system's certificates or the parts together do not work.
    #[error("TLS: {0}")]
    Setup(#[from] std::io::Error),
}

impl Tls {
    pub(super) fn connector(&self) -> Result<RustlsConnector, TlsError> {
        let config = match &self.ca {
            Some(path) => RustlsConnectorConfig::default()
                .with_parsable_certificates(certificates("the CA file", path)?),
            None => RustlsConnectorConfig::new_with_native_certs()?,
        };
        Ok(match &self.identity {
            Some((chain, key)) => {
                let chain = certificates("the client certificate", chain)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| wrong("the client key", key, error))?;
                config.connector_with_single_cert(chain, key)?
            }
            None => config.connector_with_no_client_auth()?,
        })
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(what, path, error))?;
    if found.is_empty() {
        return Err(wrong(what, path, "no certificate in it"));
    }
    Ok(found)
}

fn wrong(what: &'static str, path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File {
        what,
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
