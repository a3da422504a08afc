//! The user's AWS profile: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gristmill_input::ObjectError;
use object_store::aws::AmazonS3ConfigKey;

use crate::environment::Environment;

/// What a profile says.
#[derive(Default)]
pub(crate) struct Profile {
    keys: HashMap<String, String>,
    /// Where its buckets are.
    pub(crate) region: Option<String>,
    /// Another server than Amazon's.
    pub(crate) endpoint: Option<String>,
}

impl Profile {
    /// Its keys, as settings.
    pub(crate) fn credentials(&self) -> Vec<(AmazonS3ConfigKey, &str)> {
        let all = [
            (AmazonS3ConfigKey::AccessKeyId, "aws_access_key_id"),
            (AmazonS3ConfigKey::SecretAccessKey, "aws_secret_access_key"),
            (AmazonS3ConfigKey::Token, "aws_session_token"),
        ];
        let value = |name| self.keys.get(name).map(String::as_str);
        (all.into_iter())
            .filter_map(|(key, name)| Some((key, value(name)?)))
            .collect()
    }
}

/// Reads the profile that AWS_PROFILE names, or `default`.
///
/// # Errors
/// When AWS_PROFILE names none, or one that gets its keys in a way that is not known here.
pub(crate) fn read(environment: &Environment) -> Result<Profile, ObjectError> {
    let home = Path::new(environment.get("HOME").unwrap_or_default()).join(".aws");
    let file = |variable: &str, name: &str| {
        let named = environment.get(variable).map(PathBuf::from);
        text(&named.unwrap_or_else(|| home.join(name)))
    };
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = file("AWS_CONFIG_FILE", "config");
    of(environment.get("AWS_PROFILE"), &config, &credentials)
}

/// A file that is missing says nothing.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn of(typed: Option<&str>, config: &str, credentials: &str) -> Result<Profile, ObjectError> {
    let name = typed.unwrap_or("default");
    let mut keys = HashMap::new();
    let mut found = section(config, &["profile", name].join(" "), &mut keys);
    if name == "default" {
        found |= section(config, name, &mut keys);
    }
    found |= section(credentials, name, &mut keys);
    if !found && typed.is_some() {
        let reason = format!("there is no profile {name} (AWS_PROFILE) in ~/.aws");
        return Err(ObjectError::Failed(reason));
    }
    let has_keys = keys.contains_key("aws_access_key_id");
    let other = [
        "credential_process",
        "sso_session",
        "sso_start_url",
        "role_arn",
    ];
    if let Some(way) = other.iter().find(|way| keys.contains_key(**way))
        && !has_keys
        && typed.is_some()
    {
        return Err(ObjectError::Failed(format!(
            "profile {name} gets its keys by {way}, which is not done here: put them into the \
             environment with `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
        )));
    }
    Ok(Profile {
        region: keys.get("region").cloned(),
        endpoint: keys.get("endpoint_url").cloned(),
        keys,
    })
}

/// Adds what a section of such a file says; false if there is none.
fn section(text: &str, name: &str, keys: &mut HashMap<String, String>) -> bool {
    let (mut inside, mut found) = (false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(title) = trimmed
            .strip_prefix('[')
            .and_then(|title| title.split(']').next())
        {
            inside = title.split_whitespace().eq(name.split_whitespace());
            found |= inside;
        // An indented line belongs to the setting before it.
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            keys.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-north-1\n[profile work]\nregion=eu-central-1\n\
        endpoint_url = http://localhost:9000\ns3 =\n  max_concurrent_requests = 20\n\
        [profile corp]\nsso_session = corp\n";
    const KEYS: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key = B=\n\
        [work]\naws_access_key_id=C\naws_secret_access_key=D\naws_session_token=E\n";

    #[test]
    fn a_profile_is_of_both_files() {
        let profile = of(None, CONFIG, KEYS).unwrap();
        assert_eq!(profile.region.as_deref(), Some("eu-north-1"));
        assert_eq!(profile.credentials()[1].1, "B=");
        let profile = of(Some("work"), CONFIG, KEYS).unwrap();
        assert_eq!(profile.endpoint.as_deref(), Some("http://localhost:9000"));
        assert_eq!(profile.credentials().len(), 3);
        assert!(!profile.keys.contains_key("max_concurrent_requests"));
        assert!(of(None, "", "").unwrap().credentials().is_empty());
    }

    #[test]
    fn a_profile_that_cannot_serve_is_named() {
        let reason = |name| {
            of(Some(name), CONFIG, KEYS)
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        assert!(reason("other").contains("no profile other"));
        assert!(reason("corp").contains("sso_session"));
        assert!(reason("corp").contains("export-credentials"));
    }
}
