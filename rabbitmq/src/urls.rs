//! Where the nodes of one broker are: a URL or several, each with one host or several.
//!
//! It must not open anything but the file that the URLs may lie in.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::{BrokerUrl, NotABrokerUrl};

/// The nodes of one broker: a role whose node is gone goes on with another.
///
/// URLs are separated by commas or white space: `amqp://a,amqp://b`. One URL may name several
/// hosts, which share the rest of it: `amqp://user:password@a,b:5673/vhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrls {
    urls: Vec<BrokerUrl>,
}

/// In which order the nodes of a broker are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokerOrder {
    /// In another order each time, so that many clients share the nodes.
    #[default]
    Shuffled,
    /// As they are listed; the addresses of one name as the resolver lists them.
    Listed,
}

impl BrokerUrls {
    /// Reads the URLs from the lines of a file (a mounted secret).
    ///
    /// # Errors
    /// When the file cannot be read or does not hold a URL.
    pub fn from_file(path: &Path) -> Result<Self, NotABrokerUrl> {
        let text = std::fs::read_to_string(path).map_err(|source| NotABrokerUrl::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        text.parse()
    }

    /// All URLs, each with one host.
    #[must_use]
    pub fn all(&self) -> &[BrokerUrl] {
        &self.urls
    }

    /// Whether any connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.urls.iter().any(BrokerUrl::is_tls)
    }
}

impl From<BrokerUrl> for BrokerUrls {
    fn from(url: BrokerUrl) -> Self {
        Self { urls: vec![url] }
    }
}

impl FromStr for BrokerUrls {
    type Err = NotABrokerUrl;

    fn from_str(text: &str) -> Result<Self, NotABrokerUrl> {
        let mut urls: Vec<BrokerUrl> = Vec::new();
        for one in text.split_whitespace().flat_map(split) {
            if one.matches("://").count() > 1 {
                let reason = "each URL of a list begins with amqp:// or amqps://";
                return Err(NotABrokerUrl::Malformed(reason.into()));
            }
            for url in spread(one) {
                let url = url.parse()?;
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        match urls.is_empty() {
            true => Err(NotABrokerUrl::Malformed("it is empty".into())),
            false => Ok(Self { urls }),
        }
    }
}

impl fmt::Display for BrokerUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, url) in self.urls.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{url}")?;
        }
        Ok(())
    }
}

/// The URLs of a list. A comma ends one only where the next begins: a password may have commas.
fn split(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = list.trim_matches(',');
    let next = |text: &str| {
        let at = [",amqp://", ",amqps://"].map(|begin| text.find(begin));
        at.into_iter().flatten().min()
    };
    while let Some(at) = next(rest) {
        parts.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// One URL for each host of a URL.
fn spread(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let hosts = hosts.split(',').map(str::trim);
    hosts
        .map(|host| format!("{scheme}://{user}{host}{tail}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<BrokerUrls>().unwrap().to_string()
    }

    #[test]
    fn several_urls_and_several_hosts_are_one_list() {
        for (text, expected) in [
            ("amqp://a", "amqp://guest:***@a:5672"),
            (
                "amqp://a,b:99",
                "amqp://guest:***@a:5672,amqp://guest:***@b:99",
            ),
            (
                "amqps://u:p@a,[::1]/v",
                "amqps://u:***@a:5671/v,amqps://u:***@::1:5671/v",
            ),
            (
                "amqp://u:p@a/v,amqps://w:q@b\n amqp://c\n",
                "amqp://u:***@a:5672/v,amqps://w:***@b:5671,amqp://guest:***@c:5672",
            ),
            ("amqp://a,amqp://a:5672/", "amqp://guest:***@a:5672"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_password_may_have_commas() {
        let urls: BrokerUrls = "amqp://u:a,b,c@h/v,w".parse().unwrap();
        assert_eq!(urls.to_string(), "amqp://u:***@h:5672/v,w");
    }

    #[test]
    fn no_part_of_a_list_is_guessed_or_shown() {
        for text in [
            "",
            ",",
            "\n",
            "amqp://u:hunter2@a,b:x",
            "amqp://u:hunter2@a,,b",
            "amqp://u:hunter2@a,http://b",
            "amqp://a amqp://u:12/hunter2@b",
        ] {
            let error = text.parse::<BrokerUrls>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_file_may_hold_them() {
        let name = format!("gristmill-url-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "amqp://u:p@h/v\n\namqp://u:p@i/v\n").unwrap();
        let urls = BrokerUrls::from_file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(urls.all().len(), 2);
        assert_eq!(
            urls.to_string(),
            "amqp://u:***@h:5672/v,amqp://u:***@i:5672/v"
        );
        assert!(BrokerUrls::from_file(&path).is_err());
    }
}
