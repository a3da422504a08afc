//! Who may see the dashboard's data.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST};

/// Who may see the data.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever asks for a name of this machine's loopback. A page of another site that had its own
    /// name point to the loopback (DNS rebinding) would name itself here.
    Loopback,
    /// Whoever shows the token as `Authorization: Bearer TOKEN` (RFC 6750).
    Token(String),
}

impl Access {
    /// Whether a request with these headers may see the data.
    #[must_use]
    pub fn permits(&self, headers: &HeaderMap) -> bool {
        match self {
            Access::Loopback => (headers.get(HOST))
                .and_then(|host| host.to_str().ok())
                .is_some_and(is_loopback),
            Access::Token(token) => (headers.get(AUTHORIZATION))
                .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
                .is_some_and(|shown| same(shown, token.as_bytes())),
        }
    }
}

/// Whether a Host header names the loopback, by address or as `localhost`.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Compares in a time that does not depend on where two secrets differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn with(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn only_names_of_the_loopback_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8642",
            "127.0.0.1:8642",
            "127.8.8.8",
            "[::1]:8642",
        ] {
            assert!(Access::Loopback.permits(&with(HOST, host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8642",
            "10.0.0.1",
            "[::2]:8642",
            "",
        ] {
            assert!(!Access::Loopback.permits(&with(HOST, host)), "{host}");
        }
        assert!(!Access::Loopback.permits(&HeaderMap::new()));
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        let access = Access::Token("secret".into());
        assert!(access.permits(&with(AUTHORIZATION, "Bearer secret")));
        for wrong in [
            "Bearer secre",
            "Bearer secrets",
            "Bearer Secret",
            "secret",
            "Basic secret",
        ] {
            assert!(!access.permits(&with(AUTHORIZATION, wrong)), "{wrong}");
        }
        assert!(!access.permits(&with(HOST, "localhost")));
    }
}
