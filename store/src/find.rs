//! From a URL to the objects that it names.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use gristmill_input::{Found, Object, ObjectError, Objects};
use parking_lot::Mutex;

use crate::bucket::{Bucket, unspeakable};
use crate::environment::Environment;
use crate::list::{Listed, list};
use crate::object::StoredObject;
use crate::runtime::wait;
use crate::url::{Named, Scheme, shown};

/// Finds the objects of all stores that this process may reach.
pub struct Stores {
    environment: Environment,
    buckets: Mutex<HashMap<String, Arc<Bucket>>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores")
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new()
    }
}

impl Stores {
    /// Stores as the environment of this process has them. Nothing is asked before a URL names a
    /// bucket.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Environment::of_process())
    }

    /// Stores as these variables have them, and not this process's.
    #[must_use]
    pub fn with(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::of(Environment::of(variables))
    }

    fn of(environment: Environment) -> Self {
        Self {
            environment,
            buckets: Mutex::default(),
        }
    }

    /// The bucket of a URL.
    ///
    /// # Errors
    /// When the environment's settings for it make no sense.
    pub(crate) fn bucket(&self, named: &Named) -> Result<Arc<Bucket>, ObjectError> {
        crate::runtime::handle()?;
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get(&named.place) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = Arc::new(Bucket::of(named, &self.environment)?);
        buckets.insert(named.place.clone(), Arc::clone(&bucket));
        Ok(bucket)
    }
}

impl Objects for Stores {
    fn find(&self, url: &str, take: &mut dyn FnMut(Found)) -> Result<(), ObjectError> {
        let named = parse(url)?;
        let bucket = self.bucket(&named)?;
        let is_one =
            !named.key.is_empty() && !named.key.ends_with('/') || named.scheme == Scheme::Web;
        if is_one && unspeakable(&named.key).is_none() {
            match wait(StoredObject::find(&bucket, &named.key)) {
                Ok(Some(object)) => {
                    take(Found {
                        name: named.shown_key(&named.key).into_bytes(),
                        inside: None,
                        object: Ok(Arc::new(object)),
                    });
                    return Ok(());
                }
                Ok(None) if named.scheme == Scheme::Web => {
                    return Err(ObjectError::Failed("there is no such object".into()));
                }
                // Whoever may not ask for it may all the same list, and the answer says more.
                Err(ObjectError::Failed(_))
                    if named.scheme != Scheme::Web && bucket.has_answered() => {}
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        let wanted = Wanted::of(&named)?;
        let mut count = 0_u64;
        wait(list(&bucket, &wanted.prefix, &mut |listed| {
            if wanted.takes(&listed) {
                count += 1;
                take(wanted.found(&named, &bucket, listed));
            }
        }))?;
        match count {
            0 => Err(ObjectError::Failed(wanted.nothing())),
            _ => Ok(()),
        }
    }

    fn at(&self, url: &str, size: u64, version: &str) -> Result<Arc<dyn Object>, ObjectError> {
        let named = parse(url)?;
        if let Some(reason) = unspeakable(&named.key) {
            return Err(ObjectError::Failed(reason));
        }
        Ok(Arc::new(StoredObject {
            bucket: self.bucket(&named)?,
            key: named.key.into(),
            size,
            version: version.into(),
        }))
    }

    fn is_in(&self, url: &str, folder: &str) -> bool {
        match (Named::parse(url), Named::parse(folder)) {
            (Ok(url), Ok(folder)) => url.is_in(&folder),
            _ => false,
        }
    }

    fn shown(&self, url: &str) -> String {
        shown(url)
    }
}

pub(crate) fn parse(url: &str) -> Result<Named, ObjectError> {
    Named::parse(url).map_err(|bad| ObjectError::Failed(bad.to_string()))
}

/// Which keys of a bucket a URL is about.
struct Wanted {
    /// What they begin with.
    prefix: String,
    /// Where in them the folder ends that was named.
    inside: usize,
    /// The pattern, if it is one.
    glob: Option<GlobMatcher>,
}

impl Wanted {
    fn of(named: &Named) -> Result<Self, ObjectError> {
        let key = &named.key;
        let Some(special) = key.find(['*', '?', '[', '{']) else {
            let slash = if key.is_empty() || key.ends_with('/') {
                ""
            } else {
                "/"
            };
            let prefix = format!("{key}{slash}");
            return Ok(Self {
                inside: prefix.len(),
                prefix,
                glob: None,
            });
        };
        let glob = GlobBuilder::new(key).literal_separator(true).build();
        let glob = glob.map_err(|error| ObjectError::Failed(format!("bad pattern: {error}")))?;
        let prefix = key[..special].to_owned();
        Ok(Self {
            inside: prefix.rfind('/').map_or(0, |slash| slash + 1),
            prefix,
            glob: Some(glob.compile_matcher()),
        })
    }

    /// Whether an object is one of them. As with files, a pattern that matches a folder means all
    /// that is in it, and a folder itself is nothing to read.
    fn takes(&self, listed: &Listed) -> bool {
        let key = &listed.key;
        if key.ends_with('/') && listed.size == 0 {
            return false;
        }
        let Some(glob) = &self.glob else {
            return true;
        };
        let folders = key.match_indices('/').map(|(slash, _)| &key[..slash]);
        let mut names = folders
            .chain([&key[..]])
            .filter(|name| name.len() > self.inside);
        names.any(|name| glob.is_match(Path::new(name)))
    }

    fn found(&self, named: &Named, bucket: &Arc<Bucket>, listed: Listed) -> Found {
        let name = named.shown_key(&listed.key).into_bytes();
        let inside = name.len() - (listed.key.len() - self.inside.min(listed.key.len()));
        let object = match unspeakable(&listed.key) {
            Some(reason) => Err(reason),
            None => Ok(Arc::new(StoredObject {
                bucket: Arc::clone(bucket),
                key: listed.key.into(),
                size: listed.size,
                version: listed.version.into(),
            }) as Arc<dyn Object>),
        };
        Found {
            name,
            inside: Some(inside),
            object,
        }
    }

    fn nothing(&self) -> String {
        match &self.glob {
            Some(_) => "no object's key matches (* and ? stop at a slash, **/ does not)".into(),
            None if self.prefix.is_empty() => "the bucket is empty".into(),
            None => {
                "there is no object of this name, and none in it as a folder; for all keys that \
                     begin so, end it with *"
                    .into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<'k>(url: &str, keys: &[&'k str]) -> Vec<&'k str> {
        let wanted = Wanted::of(&Named::parse(url).unwrap()).unwrap();
        let takes = |key: &&&str| {
            key.starts_with(&wanted.prefix)
                && wanted.takes(&Listed {
                    key: (**key).to_owned(),
                    size: 1,
                    version: String::new(),
                })
        };
        keys.iter().filter(takes).copied().collect()
    }

    #[test]
    fn a_url_names_as_a_path_does() {
        let keys = [
            "2026-11.gz",
            "2026-11/a.gz",
            "2026-11/b/c.log",
            "2026-12/a.gz",
            "x/2026-11",
        ];
        assert_eq!(taken("s3://b/2026-11", &keys), &keys[1..3]);
        assert_eq!(taken("s3://b/2026-11/", &keys), &keys[1..3]);
        assert_eq!(taken("s3://b", &keys), keys);
        assert_eq!(taken("s3://b/2026-11*", &keys), &keys[..3]);
        assert_eq!(taken("s3://b/*/a.gz", &keys), [keys[1], keys[3]]);
        assert_eq!(taken("s3://b/*.gz", &keys), &keys[..1]);
        assert_eq!(taken("s3://b/**/*.gz", &keys), [keys[0], keys[1], keys[3]]);
        assert_eq!(taken("s3://b/2026-1[12]/*.gz", &keys), [keys[1], keys[3]]);
        assert!(Wanted::of(&Named::parse("s3://b/[a").unwrap()).is_err());
    }
}
