//! Licenses, by the list in deny.toml.

use std::fs;

use serde::Deserialize;

use super::metadata::{Metadata, Package};
use super::spdx;
use crate::failure::Failure;
use crate::runner::root;

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// A license that only this crate may have.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

pub(super) fn findings(metadata: &Metadata) -> Result<Vec<String>, Failure> {
    let path = root().join("deny.toml");
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let deny: Deny = toml::from_str(&text).map_err(Failure::unreadable("deny.toml"))?;
    Ok(metadata
        .packages
        .iter()
        .filter_map(|package| finding(package, &deny.licenses))
        .collect())
}

fn finding(package: &Package, rules: &Licenses) -> Option<String> {
    let Package {
        name,
        version,
        license,
        ..
    } = package;
    let license = license.as_deref().unwrap_or_default();
    let exceptions = || {
        rules
            .exceptions
            .iter()
            .filter(|exception| exception.name == *name)
    };
    let accepted = |id: &str| {
        rules
            .allow
            .iter()
            .chain(exceptions().flat_map(|exception| &exception.allow))
            .any(|allowed| allowed == id)
    };
    let told =
        || format!("{name} {version} has the license `{license}`, which deny.toml does not allow");
    (!spdx::is_acceptable(license, &accepted)).then(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_holds_for_its_crate_only() {
        let exception = Exception {
            name: "special".into(),
            allow: vec!["MPL-2.0".into()],
        };
        let rules = Licenses {
            allow: vec!["MIT".into()],
            exceptions: vec![exception],
        };
        let package = |name: &str, license: &str| Package {
            name: name.into(),
            license: Some(license.into()),
            ..Package::default()
        };

        assert_eq!(
            finding(&package("special", "MPL-2.0 AND MIT"), &rules),
            None
        );
        assert!(finding(&package("other", "MPL-2.0"), &rules).is_some());
        assert!(
            finding(&Package::default(), &rules).is_some(),
            "no license at all"
        );
    }
}
