//! What a record of `group-by` is, and which line names its columns.

use super::GroupBy;
use crate::header::HeaderRule;
use crate::spec::Records;

impl GroupBy {
    /// What a record is unless the user says otherwise.
    #[must_use]
    pub fn default_records(&self) -> Records {
        match (self.unwrap.as_deref(), self.parse.delimiter()) {
            (Some("cri"), _) => Records::Cri,
            (Some("docker"), _) => Records::Docker,
            (None, Some(delimiter)) => Records::Separated(delimiter),
            _ => Records::Lines,
        }
    }

    /// Which line names the columns, if one does.
    #[must_use]
    pub fn header_rule(&self) -> Option<HeaderRule> {
        match (self.parse.delimiter(), &self.parse.0[..]) {
            (Some(_), _) if self.fields.is_empty() => Some(HeaderRule::FirstRecord),
            (_, "w3c") => Some(HeaderRule::FieldsLine),
            _ => None,
        }
    }

    /// Whether the options go together with what a record is.
    ///
    /// # Errors
    /// When they do not: which option, and the way out.
    pub fn check_records(&self, records: &Records) -> Result<(), String> {
        let parse = &self.parse.0;
        if let Some(wrapper @ ("cri" | "docker")) = self.unwrap.as_deref()
            && *records != self.default_records()
        {
            return Err(format!(
                "--unwrap {wrapper} has records of its own, which may be of several lines; leave --records \
                 and --record-start out"
            ));
        }
        let Some(rule) = self.header_rule() else {
            return Ok(());
        };
        if *records != self.default_records() {
            return Err(format!(
                "--parse {parse} has records of its own; leave --records and --record-start out"
            ));
        }
        match (rule, &self.unwrap) {
            (_, None) => Ok(()),
            (HeaderRule::FirstRecord, Some(_)) => Err(format!(
                "--unwrap: a line that names columns cannot be told inside a wrapper; name them in their \
                 order, --parse {parse} --fields a,b,c"
            )),
            (HeaderRule::FieldsLine, Some(_)) => Err(format!(
                "--unwrap: a line that names columns cannot be told inside a wrapper; take --parse \
                 {parse} without it"
            )),
        }
    }
}
