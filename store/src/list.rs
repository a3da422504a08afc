//! Listing a bucket: page by page, or many folders beside each other.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use gristmill_input::ObjectError;

use crate::bucket::Bucket;
use crate::page::{Listed, azure_page, s3_answer, s3_page};
use crate::url::Scheme;

/// Folders that are listed at a time.
const FOLDERS: usize = 16;
/// A place with more objects and folders than fill so many pages is listed page by page: few
/// folders in it would be left to list beside each other.
const MOST_PAGES: usize = 8;
/// How many folders that hold nothing but one folder are stepped into.
const DEEPEST: usize = 16;

/// Calls `take` for each object whose key begins with `prefix`, in the order of their keys' bytes.
///
/// A page is a round trip, and says where the next one begins. So where one page is not all, the
/// folders are listed beside each other.
///
/// # Errors
/// When the bucket cannot be listed.
pub(crate) async fn list(
    bucket: &Bucket,
    prefix: &str,
    take: &mut dyn FnMut(Listed),
) -> Result<(), ObjectError> {
    if bucket.scheme() == Scheme::Azure {
        return go_on(bucket, prefix, None, take).await;
    }
    let (objects, next) = s3_page(bucket, prefix, None).await?;
    if next.is_some()
        && let Some(places) = places(bucket, prefix).await?
    {
        let all = places.into_iter().map(|place| all_of(bucket, place));
        let mut all = stream::iter(all).buffered(FOLDERS);
        while let Some(objects) = all.try_next().await? {
            objects.into_iter().for_each(&mut *take);
        }
        return Ok(());
    }
    objects.into_iter().for_each(&mut *take);
    match next {
        None => Ok(()),
        Some(_) => go_on(bucket, prefix, next, take).await,
    }
}

/// Lists page by page from where `token` says.
async fn go_on(
    bucket: &Bucket,
    prefix: &str,
    mut token: Option<String>,
    take: &mut dyn FnMut(Listed),
) -> Result<(), ObjectError> {
    loop {
        let (objects, next) = match bucket.scheme() {
            Scheme::Azure => azure_page(bucket, prefix, token.as_deref()).await?,
            _ => s3_page(bucket, prefix, token.as_deref()).await?,
        };
        objects.into_iter().for_each(&mut *take);
        if !goes_on(&mut token, next)? {
            return Ok(());
        }
    }
}

/// Takes what the next page is asked with; false if there is none.
///
/// # Errors
/// When that is what the last one was asked with.
fn goes_on(token: &mut Option<String>, next: Option<String>) -> Result<bool, ObjectError> {
    if next.is_some() && next == *token {
        let reason = "the store's listing does not go on";
        return Err(ObjectError::Failed(reason.into()));
    }
    *token = next;
    Ok(token.is_some())
}

/// What is right below a prefix.
enum Place {
    Object(Listed),
    /// All that begins so.
    Folder(String),
}

/// The objects and folders below a prefix, in the order of their keys' bytes, or below the one
/// folder that all are in; `None` if they are very many.
async fn places(bucket: &Bucket, prefix: &str) -> Result<Option<Vec<Place>>, ObjectError> {
    let mut prefix = prefix.to_owned();
    for _ in 0..DEEPEST {
        let Some(mut places) = places_below(bucket, &prefix).await? else {
            return Ok(None);
        };
        match (places.len(), places.pop_first()) {
            (1, Some((_, Place::Folder(folder)))) => prefix = folder,
            (_, first) => {
                let first = first.map(|(_, place)| place);
                return Ok(Some(
                    first.into_iter().chain(places.into_values()).collect(),
                ));
            }
        }
    }
    Ok(None)
}

async fn places_below(
    bucket: &Bucket,
    prefix: &str,
) -> Result<Option<BTreeMap<String, Place>>, ObjectError> {
    let mut places = BTreeMap::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = s3_answer(bucket, prefix, token.as_deref(), true).await?;
        let folders = page.folders()?;
        let (objects, next) = page.objects()?;
        for key in folders {
            places.insert(key.clone(), Place::Folder(key));
        }
        for object in objects {
            places.insert(object.key.clone(), Place::Object(object));
        }
        if !goes_on(&mut token, next)? {
            return Ok(Some(places));
        }
    }
    Ok(None)
}

async fn all_of(bucket: &Bucket, place: Place) -> Result<Vec<Listed>, ObjectError> {
    let mut all = Vec::new();
    match place {
        Place::Object(object) => all.push(object),
        Place::Folder(prefix) => {
            go_on(bucket, &prefix, None, &mut |object| all.push(object)).await?;
        }
    }
    Ok(all)
}
