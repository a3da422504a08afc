//! Who vouches for the user's program in a job: an Ed25519 signature over all that decides what
//! runs.
//!
//! Everybody who may publish can submit a job; a mapper that wants more than that asks for a
//! signature by a key that it knows. It must not know what programs do.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use gristmill_common::clock::since_1970;
use gristmill_common::job::JobRun;
use gristmill_common::sha256::{NoSha256, Sha256};
use gristmill_common::spec::JobSpec;

/// Keeps a signature from being one of anything else.
const CONTEXT: &[u8] = b"gristmill exec signature, version 1\0";
/// How long a signature counts: a job of last month is not run again.
const VALID: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Begins the line of a secret key and of a public one.
const SECRET: &str = "gristmill-exec-secret-key";
const PUBLIC: &str = "gristmill-exec-key";
/// No file of keys is larger.
const MOST_KEYS: u64 = 1 << 20;

/// What mappers must know of the user's program beside the spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Its files, if any travel with the job.
    pub bundle: Option<Bundle>,
    /// The job goes on although its first units all fail in the same way.
    pub keep_going: bool,
    /// Who vouches for it, if somebody does.
    pub signature: Option<Signature>,
}

/// A bundle of files, by its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// By which it is found among the job's files ([`gristmill_common::id::content_hash`]).
    pub hash: u64,
    /// By which it is known to be the one.
    pub sha256: Sha256,
}

/// A signature.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    key: PublicKey,
    /// Until when it counts, in seconds since 1970.
    not_after: u64,
    bytes: Vec<u8>,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} until {})", self.key, self.not_after)
    }
}

/// What is signed: which program, for which run of which job.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The run.
    pub run: &'a JobRun,
    /// What it does.
    pub spec: &'a JobSpec,
    /// The files of the program.
    pub bundle: Option<Bundle>,
}

impl Statement<'_> {
    fn bytes(&self, not_after: u64) -> Vec<u8> {
        // Texts and numbers only: this cannot fail.
        let spec = serde_json::to_vec(self.spec).unwrap_or_default();
        let bundle = self.bundle.map_or(Sha256::of(b""), |bundle| bundle.sha256);
        let mut bytes = CONTEXT.to_vec();
        for text in [self.run.job.as_str().as_bytes(), &spec] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text);
        }
        bytes.extend_from_slice(bundle.bytes());
        bytes.extend_from_slice(&self.run.run.to_be_bytes());
        bytes.extend_from_slice(&not_after.to_be_bytes());
        bytes
    }
}

/// Why a file is no key, or a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It holds something else.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// Which file.
        path: String,
        /// Which line.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// Why nobody vouches for a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// There is no signature.
    #[error("it is not signed (`produce --sign`)")]
    Missing,
    /// The key is not among those that count.
    #[error("it is signed by a key that --exec-keys does not list: {0}")]
    Stranger(PublicKey),
    /// It is too late.
    #[error("its signature has expired; the same `produce --sign` again signs it anew")]
    Expired,
    /// Something else was signed.
    #[error("its signature is one of something else")]
    Wrong,
}

/// A key that signs.
pub struct SecretKey(Ed25519KeyPair);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {}", self.public())
    }
}

impl SecretKey {
    /// Makes a key; its line for a file comes with it, which is the only secret.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<(Self, String), KeyError> {
        let mut seed = [0; 32];
        let filled = SystemRandom::new().fill(&mut seed);
        let pair = filled.and_then(|()| {
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
            pair.map_err(|_| ring::error::Unspecified)
        });
        let pair = pair.map_err(|_| KeyError::Random)?;
        Ok((Self(pair), format!("{SECRET} {}\n", hex(&seed))))
    }

    /// Reads the key of a file.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let lines = lines(path, SECRET)?;
        let wrong = |what| KeyError::Line {
            path: path.display().to_string(),
            line: lines.first().map_or(1, |(line, _)| *line),
            what,
        };
        let [(_, seed)] = lines[..] else {
            return Err(wrong("one secret key is wanted"));
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        pair.map(Self).map_err(|_| wrong("no usable key"))
    }

    /// The key by which its signatures are known.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        // Ed25519 keys have this length.
        for (to, from) in key.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(key)
    }

    /// Vouches for a statement from now on for seven days.
    #[must_use]
    pub fn sign(&self, statement: &Statement<'_>) -> Signature {
        self.sign_until(statement, (since_1970() + VALID).as_secs())
    }

    /// Vouches for a statement until a time, in seconds since 1970.
    #[must_use]
    pub fn sign_until(&self, statement: &Statement<'_>, not_after: u64) -> Signature {
        let bytes = self.0.sign(&statement.bytes(not_after)).as_ref().to_vec();
        Signature {
            key: self.public(),
            not_after,
            bytes,
        }
    }
}

/// A key by which signatures are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey([u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl PublicKey {
    /// Its line for a file of keys that count.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{PUBLIC} {self}\n")
    }
}

/// The keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<PublicKey>);

impl Keyring {
    /// Reads a file with one key a line; `#` begins a comment.
    ///
    /// # Errors
    /// When there is something else in it.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let keys = lines(path, PUBLIC)?;
        Ok(Self(
            keys.into_iter().map(|(_, key)| PublicKey(key)).collect(),
        ))
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks who vouches for a statement.
    ///
    /// # Errors
    /// When nobody does whose word counts.
    pub fn check(
        &self,
        statement: &Statement<'_>,
        signature: Option<&Signature>,
    ) -> Result<(), Unsigned> {
        let signature = signature.ok_or(Unsigned::Missing)?;
        if !self.0.contains(&signature.key) {
            return Err(Unsigned::Stranger(signature.key));
        }
        let message = statement.bytes(signature.not_after);
        let key = UnparsedPublicKey::new(&ED25519, signature.key.0);
        key.verify(&message, &signature.bytes)
            .map_err(|_| Unsigned::Wrong)?;
        if since_1970().as_secs() > signature.not_after {
            return Err(Unsigned::Expired);
        }
        Ok(())
    }
}

/// The keys of a file, with the numbers of their lines.
fn lines(path: &Path, word: &str) -> Result<Vec<(usize, [u8; 32])>, KeyError> {
    let named = || path.display().to_string();
    let read = || {
        let len = std::fs::metadata(path)?.len();
        if len > MOST_KEYS {
            return Err(std::io::Error::other("too large for a file of keys"));
        }
        std::fs::read_to_string(path)
    };
    let text = read().map_err(|error| KeyError::File {
        path: named(),
        error,
    })?;
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split_whitespace();
        let key = match (words.next(), words.next(), words.next()) {
            (Some(first), Some(key), None) if first == word => unhex(key).ok(),
            _ => None,
        };
        let what = match word {
            SECRET => "not a secret key of `gristmill exec-key`",
            _ => "not a public key of `gristmill exec-key` (FILE.pub)",
        };
        let key = key.ok_or_else(|| KeyError::Line {
            path: named(),
            line: number,
            what,
        })?;
        keys.push((number, key));
    }
    Ok(keys)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes in hexadecimal are written as a SHA-256 is.
fn unhex(text: &str) -> Result<[u8; 32], NoSha256> {
    text.parse::<Sha256>().map(|bytes| *bytes.bytes())
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
