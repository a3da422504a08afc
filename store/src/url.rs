//! What a URL of objects names.

use std::fmt;

/// The schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    S3,
    Google,
    Azure,
    /// A web server, over TLS or not: single objects.
    Web,
}

/// A URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) scheme: Scheme,
    /// The scheme and the bucket, or the scheme and the server: what comes before the first slash.
    pub(crate) place: String,
    /// What comes behind it: a key as it is, or a web server's path and query.
    pub(crate) key: String,
}

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadUrl(pub(crate) &'static str);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Named {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is none, or holds a password.
    pub(crate) fn parse(typed: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = typed.split_once("://").ok_or(BadUrl("is no URL"))?;
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err(BadUrl(
                "holds a user or a password, which would show in process lists: credentials come from \
                 the environment (docs/object-storage.md)",
            ));
        }
        if host.is_empty() {
            return Err(BadUrl("names no bucket and no server"));
        }
        let scheme = match scheme {
            "s3" => Scheme::S3,
            "gs" => Scheme::Google,
            "az" => Scheme::Azure,
            "http" | "https" => return Self::web(typed),
            _ => return Err(BadUrl("has a scheme that is not known")),
        };
        if !(host.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(BadUrl("has a bucket's name that no bucket can have"));
        }
        Ok(Self {
            scheme,
            place: typed[..typed.len() - rest.len() + host.len()].to_owned(),
            key: key.to_owned(),
        })
    }

    fn web(typed: &str) -> Result<Self, BadUrl> {
        let mut url = url::Url::parse(typed).map_err(|_| BadUrl("is no URL"))?;
        url.set_fragment(None);
        let at = url[..url::Position::BeforePath].len();
        let url = String::from(url);
        Ok(Self {
            scheme: Scheme::Web,
            place: url[..at].to_owned(),
            key: url[at..].strip_prefix('/').unwrap_or_default().to_owned(),
        })
    }

    /// The URL of a key beside this one, as it is shown.
    pub(crate) fn shown_key(&self, key: &str) -> String {
        let end = match self.scheme {
            Scheme::Web => key.find('?').unwrap_or(key.len()),
            _ => key.len(),
        };
        format!("{}/{}", self.place, &key[..end])
    }

    /// Whether it is in the folder that another URL names.
    pub(crate) fn is_in(&self, folder: &Self) -> bool {
        let name = folder.key.trim_end_matches('/');
        let rest = self.key.strip_prefix(name);
        self.place == folder.place
            && rest.is_some_and(|rest| name.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }
}

/// A URL without user, password and, of a web server, query.
pub(crate) fn shown(typed: &str) -> String {
    let (scheme, rest) = typed.split_once("://").unwrap_or(("", typed));
    let (host, key) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (host, key) = match scheme {
        "http" | "https" => (without_query(host), without_query(key)),
        _ => (host, key),
    };
    format!("{scheme}://{host}{key}")
}

fn without_query(text: &str) -> &str {
    &text[..text.find(['?', '#']).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_as_they_are() {
        let named = Named::parse("s3://logs/a//b?c#d e%20\n").unwrap();
        assert_eq!(
            (&named.place[..], &named.key[..]),
            ("s3://logs", "a//b?c#d e%20\n")
        );
        let named = Named::parse("s3://logs").unwrap();
        assert_eq!((&named.place[..], &named.key[..]), ("s3://logs", ""));
        assert_eq!(named.shown_key("a?b"), "s3://logs/a?b");
    }

    #[test]
    fn only_what_is_in_a_folder_is_in_it() {
        let is_in = |url: &str, folder: &str| {
            Named::parse(url)
                .unwrap()
                .is_in(&Named::parse(folder).unwrap())
        };
        for folder in [
            "s3://b",
            "s3://b/",
            "s3://b/a",
            "s3://b/a/",
            "s3://b/a/c.gz",
        ] {
            assert!(is_in("s3://b/a/c.gz", folder), "{folder}");
        }
        for folder in ["s3://c", "s3://b/a/c", "s3://b/b", "gs://b/a", "s3://bb/"] {
            assert!(!is_in("s3://b/a/c.gz", folder), "{folder}");
        }
        assert!(is_in("https://h/a/b", "https://h/a/"));
        for url in [
            "https://h/a/../b",
            "https://h/a/%2e%2E/b",
            "https://h:1/a/b",
            "http://h/a/b",
        ] {
            assert!(!is_in(url, "https://h/a/"), "{url}");
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let typed = "https://example.org/a.gz?X-Amz-Signature=secret#top";
        assert_eq!(shown(typed), "https://example.org/a.gz");
        let named = Named::parse(typed).unwrap();
        assert_eq!(named.shown_key(&named.key), "https://example.org/a.gz");
        assert!(named.key.ends_with("=secret"));
        for typed in [
            "https://me:secret@example.org/a",
            "s3://key:secret@bucket/a",
        ] {
            assert!(Named::parse(typed).is_err());
            assert!(!shown(typed).contains("secret"), "{}", shown(typed));
        }
        assert_eq!(shown("https://u:p@h?secret"), "https://h");
    }
}
