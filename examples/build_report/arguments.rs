//! What the command line asks for.

use anyhow::{Context, Result, bail, ensure};
use telerad::charset::Charset;
use telerad::core::Uid;
use telerad::hl7::datatype::Cnn;

use crate::compose::Dialect;

pub(crate) const USAGE: &str = "\
usage: build_report <order.hl7> --signer <id^family^given> [--text <file>] [--pdf <file>]
  --status <P|F|C>      preliminary, final (default) or corrected
  --sr <uid>            the structured report that says the same: RAD-28
  --order <number>      which order of the message, where it holds several
  --version <version>   2.3.1 or 2.5.1; default: the order's
  --charset <name>      as in MSH-18, such as 8859/1; default: the order's
  --profile <name>      RAD-28, RAD-128, report, or a TOML file of a site's rules
  --out <file>          write the message there
  --to <host:port>      send it by MLLP and wait for the answer";

/// The command line, checked.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) order: String,
    pub(crate) text: Option<String>,
    pub(crate) pdf: Option<String>,
    pub(crate) signer: Cnn,
    pub(crate) sr: Option<String>,
    /// OBR-25 and OBX-11.
    pub(crate) status: String,
    pub(crate) dialect: Dialect,
    pub(crate) profile: Option<String>,
    pub(crate) out: Option<String>,
    pub(crate) to: Option<String>,
}

impl Arguments {
    pub(crate) fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Options::default();
        let mut order = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if let Some(name) = argument.strip_prefix("--") {
                let value = rest.next().with_context(|| format!("--{name} needs a value"))?;
                options.put(name, value)?;
            } else if order.replace(argument.clone()).is_some() {
                bail!("one order file at a time, and {argument} is another");
            }
        }
        let order = order.context("no order file is named")?;
        let signer = options.take("signer").context("who signs? --signer is missing")?;
        let status = options.take("status").unwrap_or_else(|| "F".to_owned());
        ensure!(matches!(&*status, "P" | "F" | "C"), "--status is P, F or C, not {status}");
        let (text, pdf) = (options.take("text"), options.take("pdf"));
        ensure!(text.is_some() || pdf.is_some(), "nothing to report: give --text, --pdf or both");
        Ok(Self {
            order,
            text,
            pdf,
            signer: read_signer(&signer)?,
            sr: options.take("sr").map(read_uid).transpose()?,
            status,
            dialect: options.dialect()?,
            profile: options.take("profile"),
            out: options.take("out"),
            to: options.take("to").map(read_address).transpose()?,
        })
    }
}

#[derive(Default)]
struct Options(Vec<(&'static str, String)>);

impl Options {
    const NAMES: [&str; 11] = [
        "charset", "order", "out", "pdf", "profile", "signer", "sr", "status", "text", "to",
        "version",
    ];

    fn put(&mut self, name: &str, value: &str) -> Result<()> {
        let known = Self::NAMES.into_iter().find(|known| *known == name);
        let name = known.with_context(|| format!("there is no option --{name}"))?;
        ensure!(self.0.iter().all(|(given, _)| *given != name), "--{name} is given twice");
        ensure!(!value.starts_with("--"), "--{name} needs a value, and {value} is an option");
        self.0.push((name, value.to_owned()));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| *given == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn dialect(&mut self) -> Result<Dialect> {
        let version = self.take("version");
        if let Some(version) = &version {
            ensure!(
                matches!(&**version, "2.3.1" | "2.5.1"),
                "--version is 2.3.1 or 2.5.1, not {version}"
            );
        }
        let charset = self.take("charset").map(|name| {
            let named = Charset::from_hl7(&name).filter(|charset| charset.to_hl7().is_some());
            named.with_context(|| format!("--charset: HL7 has no character set {name}"))
        });
        let order_number = self.take("order").map(|number| {
            number.parse().ok().filter(|number| *number > 0).context("--order is a number from 1")
        });
        Ok(Dialect {
            version,
            charset: charset.transpose()?,
            order_number: order_number.transpose()?,
        })
    }
}

/// The beginning of CNN: id, family and given name.
fn read_signer(text: &str) -> Result<Cnn> {
    let mut parts = text.split('^').map(|part| part.trim().to_owned());
    let mut next = || parts.next().unwrap_or_default();
    let (id_number, family_name, given_name) = (next(), next(), next());
    let signer = Cnn { id_number, family_name, given_name, ..Cnn::default() };
    ensure!(!signer.family_name.is_empty(), "--signer is id^family^given, such as 12^DOE^JANE");
    ensure!(parts.next().is_none(), "--signer has more parts than id^family^given");
    Ok(signer)
}

fn read_uid(text: String) -> Result<String> {
    let uid = Uid::new(&text).with_context(|| format!("--sr is a UID, not {text}"))?;
    Ok(uid.as_str().to_owned())
}

fn read_address(address: String) -> Result<String> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    let is_address = port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    ensure!(is_address, "--to is host:port, such as 127.0.0.1:2575, not {address}");
    Ok(address)
}
