/// What the command line of a service asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run,
    PrintConfig,
    PrintVersion,
    PrintHelp,
}

/// A service's command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) config_file: Option<String>,
    /// Settings given directly, as key and value.
    pub(crate) overrides: Vec<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("{option} needs a value")]
    ValueMissing { option: &'static str },
    #[error("--set takes SECTION.FIELD=VALUE, not {given:?}")]
    NotAnAssignment { given: String },
    #[error("unknown argument {given:?}; try --help")]
    Unknown { given: String },
}

pub(crate) const HELP: &str = "\
Options:
  --config FILE              read settings from this YAML file
  --set SECTION.FIELD=VALUE  set one setting, above every other source
  --role ROLE                same as --set webhook.role=ROLE
  --version                  print the version
  --help                     print this help
Commands:
  print-config               print the effective settings, secrets masked
";

impl Arguments {
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, ArgumentError> {
        let mut parsed = Self {
            command: Command::Run,
            config_file: None,
            overrides: Vec::new(),
        };
        while let Some(argument) = given.next() {
            let mut value_of = |option| given.next().ok_or(ArgumentError::ValueMissing { option });
            match argument.as_str() {
                "print-config" => parsed.command = Command::PrintConfig,
                "--version" | "-V" => parsed.command = Command::PrintVersion,
                "--help" | "-h" => parsed.command = Command::PrintHelp,
                "--config" => parsed.config_file = Some(value_of("--config")?),
                "--role" => {
                    parsed
                        .overrides
                        .push(("webhook.role".to_owned(), value_of("--role")?));
                }
                "--set" => parsed.overrides.push(assignment(value_of("--set")?)?),
                _ => return Err(ArgumentError::Unknown { given: argument }),
            }
        }
        Ok(parsed)
    }
}

fn assignment(given: String) -> Result<(String, String), ArgumentError> {
    match given.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(ArgumentError::NotAnAssignment { given }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &[&str]) -> Result<Arguments, ArgumentError> {
        Arguments::parse(given.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn options_may_come_in_any_order() {
        let parsed = parse(&[
            "--set",
            "agent.workers=3=",
            "print-config",
            "--config",
            "a.yaml",
        ])
        .unwrap();
        assert_eq!(parsed.command, Command::PrintConfig);
        assert_eq!(parsed.config_file.as_deref(), Some("a.yaml"));
        assert_eq!(
            parsed.overrides,
            [("agent.workers".to_owned(), "3=".to_owned())]
        );
        assert_eq!(parse(&[]).unwrap().command, Command::Run);
        let role = parse(&["--role", "ingest"]).unwrap();
        assert_eq!(
            role.overrides,
            [("webhook.role".to_owned(), "ingest".to_owned())]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for given in [
            &["--config"][..],
            &["--set", "x"],
            &["run"],
            &["--rolle", "all"],
        ] {
            assert!(parse(given).is_err(), "{given:?}");
        }
    }
}
