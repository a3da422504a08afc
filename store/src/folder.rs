//! An output in a bucket: the objects whose keys begin with one folder's name.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use gristmill_common::shutdown::{Shutdown, Stage};
use gristmill_input::{Object, ObjectError, ObjectStream};

use crate::bucket::{Bucket, unspeakable};
use crate::find::{Stores, parse};
use crate::list::list;
use crate::object::StoredObject;
use crate::runtime::wait;
use crate::upload::{self, Content, PutError};
use crate::url::Scheme;

/// A folder of a bucket, to write an output to and to check it.
pub struct Folder {
    bucket: Arc<Bucket>,
    /// What its keys begin with: nothing, or a name with a slash at its end.
    prefix: String,
    shown: String,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Stores {
    /// The folder that a URL names; asks for nothing yet.
    ///
    /// # Errors
    /// When it is none that outputs can be written to.
    pub fn folder(&self, url: &str) -> Result<Folder, ObjectError> {
        let named = parse(url)?;
        let wrong = |reason: &str| Err(ObjectError::Failed(reason.into()));
        if named.scheme != Scheme::S3 {
            return wrong("outputs can be written to s3:// alone");
        }
        let name = named.key.trim_end_matches('/');
        if unspeakable(name).is_some() {
            return wrong("a part of it is . or ..");
        }
        Ok(Folder {
            bucket: self.bucket(&named)?,
            prefix: match name {
                "" => String::new(),
                name => format!("{name}/"),
            },
            shown: named.shown_key(name).trim_end_matches('/').to_owned(),
        })
    }
}

impl Folder {
    /// Its URL, without a slash at its end.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The names of all objects in it.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, ObjectError> {
        let mut names = Vec::new();
        wait(list(&self.bucket, &self.prefix, &mut |listed| {
            let name = &listed.key[self.prefix.len()..];
            // The folder itself, as some programs make it.
            if !name.is_empty() {
                names.push(name.to_owned());
            }
        }))?;
        Ok(names)
    }

    /// An object as a stream; none if there is none.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn open(&self, name: &str) -> Result<Option<impl Read + use<>>, ObjectError> {
        let found = wait(StoredObject::find(&self.bucket, &self.key(name)))?;
        Ok(found.map(|object| Reader(object.open(0..object.size()))))
    }

    /// Puts an object there, if there is none of this name.
    ///
    /// # Errors
    /// When there is one, or it cannot be put.
    pub fn put_new(&self, name: &str, content: &[u8], stop: &Shutdown) -> Result<(), PutError> {
        let content = Content::Bytes(content.to_vec().into());
        self.upload(name, &content, stop)
    }

    /// Puts a file there, in parts if it is large, if there is no object of this name.
    ///
    /// # Errors
    /// When there is one, or it cannot be put. Nothing is left of it then.
    pub fn put_file(&self, name: &str, file: &Path, stop: &Shutdown) -> Result<(), PutError> {
        let content = Content::of_file(file)?;
        self.upload(name, &content, stop)
    }

    fn upload(&self, name: &str, content: &Content, stop: &Shutdown) -> Result<(), PutError> {
        let key = self.key(name);
        let runtime = crate::runtime::handle()?;
        runtime.block_on(upload::put(&self.bucket, &key, content, async {
            stop.reached(Stage::Draining).await;
        }))
    }

    /// Removes an object; that there is none is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), ObjectError> {
        wait(upload::remove(&self.bucket, &self.key(name)))
    }
}

/// An object's stream for whoever reads files.
struct Reader(Box<dyn ObjectStream>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut got = Vec::with_capacity(buffer.len());
        let pulled = self.0.pull(&mut got, buffer.len(), &Shutdown::new());
        let count = pulled.map_err(io::Error::other)?;
        buffer[..count].copy_from_slice(&got);
        Ok(count)
    }
}
