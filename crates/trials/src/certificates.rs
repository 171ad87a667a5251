//! Certificates of made-up authorities, by OpenSSL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::tool::{self, last_line};

/// A folder with certificates and keys in PEM: `NAME.pem` and `NAME.key`.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes authorities and what they certify. A certificate of `NAME` is for `NAME.example`, `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// When `openssl` cannot do it.
    pub fn issue(folder: &Path, authorities: &[&str], names: &[(&str, &str)]) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let made = Self { folder: folder.to_owned() };
        for authority in authorities {
            let (key, certificate) = (made.key(authority), made.certificate(authority));
            let subject = format!("/CN={authority}");
            let mut words = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"];
            words.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
            openssl(&words)?;
        }
        for (name, authority) in names {
            made.certify(name, authority)?;
        }
        Ok(made)
    }

    /// The path of a certificate.
    pub fn certificate(&self, name: &str) -> String {
        self.path(name, "pem")
    }

    /// The path of a key.
    pub fn key(&self, name: &str) -> String {
        self.path(name, "key")
    }

    fn path(&self, name: &str, ending: &str) -> String {
        self.folder.join(format!("{name}.{ending}")).to_string_lossy().into_owned()
    }

    fn certify(&self, name: &str, authority: &str) -> Result<()> {
        let (key, request) = (self.key(name), self.path(name, "csr"));
        let subject = format!("/O=North/CN={name}");
        let mut words = vec!["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject];
        words.extend(["-keyout", &key, "-out", &request]);
        openssl(&words)?;
        let names = format!("subjectAltName=DNS:{name}.example,DNS:localhost,IP:127.0.0.1\n");
        let extensions = self.path(name, "ext");
        std::fs::write(&extensions, names + "basicConstraints=CA:FALSE\n")?;
        let (by, with) = (self.certificate(authority), self.key(authority));
        let certificate = self.certificate(name);
        let mut words = vec!["x509", "-req", "-days", "20", "-CAcreateserial", "-in", &request];
        words.extend(["-CA", &by, "-CAkey", &with, "-extfile", &extensions, "-out", &certificate]);
        openssl(&words)
    }
}

fn openssl(words: &[&str]) -> Result<()> {
    let ended = tool::run("/usr/bin/openssl", words, Duration::from_secs(60))?;
    if !ended.success {
        bail!("openssl {}: {}", words.first().context("no command")?, last_line(&ended.output));
    }
    Ok(())
}
