//! What is wrong with a command line, in the words that everything else is said in.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error};

use super::Cli;
use crate::failure::Printable;

/// What to say of a command line that was not understood; `None` for help and version, which are data.
pub fn explain(error: &Error, words: &[String]) -> Option<String> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    // The parser has the best guess last.
    let nearest = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let near = nearest.into_iter().find_map(|kind| said(error, kind).pop());
    let help = format!("`{} --help`", command(words));
    let hint = near.map_or(help, |near| format!("did you mean `{}`?", Printable(&near)));
    Some(format!("error: {}\nhint: {hint}", message(error)))
}

/// Writes what is to be said of a command line that was not understood, or the help that was asked for, and gives the process's exit status.
pub fn refuse(error: &Error) -> ExitCode {
    let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    match explain(error, &words) {
        // Standard error is the last place to say anything: if it is closed, the status must do.
        Some(text) => drop(writeln!(std::io::stderr().lock(), "{text}")),
        // Help and version are data on standard output; nobody may be reading it any more.
        None => drop(error.print()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn message(error: &Error) -> String {
    let argument = || said(error, ContextKind::InvalidArg).first().map(|word| quoted(word)).unwrap_or_default();
    let value = || said(error, ContextKind::InvalidValue).into_iter().next().unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidValue if value().is_empty() => format!("{} wants a value", argument()),
        ErrorKind::InvalidValue => {
            let known: Vec<_> = said(error, ContextKind::ValidValue).iter().map(|word| quoted(word)).collect();
            let known = if known.is_empty() { String::new() } else { format!(": it is one of {}", known.join(", ")) };
            format!("{} is no value of {}{known}", quoted(&value()), argument())
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{}: {}", argument(), reworded(&value(), &reason))
        }
        ErrorKind::UnknownArgument => format!("unknown argument {}", argument()),
        ErrorKind::InvalidSubcommand => {
            let verb = said(error, ContextKind::InvalidSubcommand);
            format!("unknown verb {}", verb.first().map(|verb| quoted(verb)).unwrap_or_default())
        }
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<_> = said(error, ContextKind::InvalidArg).iter().map(|word| quoted(word)).collect();
            format!("missing: {}", missing.join(", "))
        }
        ErrorKind::MissingSubcommand => {
            let known: Vec<_> = said(error, ContextKind::ValidSubcommand).iter().map(|word| quoted(word)).collect();
            format!("a verb is missing: one of {}", known.join(", "))
        }
        ErrorKind::ArgumentConflict => {
            let prior = said(error, ContextKind::PriorArg);
            match prior.first() {
                Some(prior) if quoted(prior) == argument() => format!("{} is given more than once", argument()),
                Some(prior) => format!("{} does not go with {}", argument(), quoted(prior)),
                None => format!("{} does not go with the others", argument()),
            }
        }
        ErrorKind::TooManyValues => format!("{} is one value too many for {}", quoted(&value()), argument()),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("{} wants more values", argument()),
        ErrorKind::NoEquals => format!("{} is followed by `=` and its value", argument()),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        // The others are shown as they are, and whatever a later parser adds.
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => error.kind().as_str().unwrap_or("the command line was not understood").to_owned(),
    }
}

/// The reason that a value was not taken. What the parser says of numbers by itself is said in our words.
fn reworded(value: &str, reason: &str) -> String {
    let shown = quoted(value);
    if let Some((_, range)) = reason.split_once(" is not in ")
        && let Some((least, most)) = range.split_once("..=").or_else(|| range.split_once(".."))
    {
        let least = if least.is_empty() { "0" } else { least };
        return match most {
            "" => format!("{shown} is not a number from {least}"),
            most => format!("{shown} is not a number from {least} to {most}"),
        };
    }
    let is_number = ["invalid digit found in string", "cannot parse integer from empty string"].contains(&reason);
    let is_large = ["number too large to fit in target type", "number too small to fit in target type"].contains(&reason);
    if is_large || (is_number && value.parse::<i128>().is_ok()) {
        format!("{shown} is out of range")
    } else if is_number {
        format!("{shown} is not a whole number")
    } else if reason.contains(value) && !value.is_empty() {
        Printable(reason).to_string()
    } else {
        format!("{shown}: {}", Printable(reason))
    }
}

fn quoted(word: &str) -> String {
    format!("`{}`", Printable(word))
}

fn said(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        Some(ContextValue::StyledStr(word)) => vec![word.to_string()],
        Some(ContextValue::StyledStrs(words)) => words.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// The command whose help says more: as far as the words are verbs.
fn command(words: &[String]) -> String {
    let whole = Cli::command();
    let (mut command, mut name) = (&whole, "warren".to_owned());
    for word in words.iter().skip(1) {
        if let Some(verb) = command.find_subcommand(word) {
            (command, name) = (verb, format!("{name} {word}"));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let words: Vec<_> = std::iter::once("warren").chain(line.split_whitespace()).map(str::to_owned).collect();
        let error = Cli::read(words.iter().map(Into::into)).map(|_| ()).expect_err(line);
        assert_eq!(explain(&error, &words).as_deref(), Some(expected), "{line}");
    }

    #[test]
    fn a_wrong_command_line_is_explained() {
        check(
            "token create --role agent --uses -1",
            "error: `--uses <N>`: `-1` is not a number from 1 to 10000\nhint: `warren token create --help`",
        );
        check(
            "token create --role agent --uses 0",
            "error: `--uses <N>`: `0` is not a number from 1 to 10000\nhint: `warren token create --help`",
        );
        check(
            "token create --role agent --uses many",
            "error: `--uses <N>`: `many` is not a whole number\nhint: `warren token create --help`",
        );
        check("dev --proxies 10", "error: `--proxies <N>`: `10` is not a number from 1 to 9\nhint: `warren dev --help`");
        check("dev --proxies -3", "error: `--proxies <N>`: `-3` is not a number from 1 to 9\nhint: `warren dev --help`");
        check("stats", "error: unknown verb `stats`\nhint: did you mean `status`?");
        check("proxies drain p --wat", "error: unknown argument `--wat`\nhint: did you mean `--wait`?");
        check("status --frobnicate", "error: unknown argument `--frobnicate`\nhint: `warren status --help`");
        check(
            "status -o yaml",
            "error: `yaml` is no value of `--output <FORMAT>`: it is one of `table`, `wide`, `json`, `jsonl`\nhint: `warren status --help`",
        );
        check(
            "strategy set agent_mush",
            "error: `agent_mush` is no value of `<agent_mesh|proxy_peering>`: it is one of `agent_mesh`, `proxy_peering`\nhint: did you mean `agent_mesh`?",
        );
        check(
            "routes show lab-pi/web",
            "error: `<AGENT>`: `lab-pi/web` is a service, and routes are its agent's: `warren routes show lab-pi`, or `warren ping lab-pi/web` for the way to it\nhint: `warren routes show --help`",
        );
        check("clients allow ada", "error: missing: `<PATTERN|--none>`\nhint: `warren clients allow --help`");
        check("clients allow ada */web --none", "error: `[PATTERN]...` does not go with `--none`\nhint: `warren clients allow --help`");
        check("connect", "error: missing: `<TARGET>`\nhint: `warren connect --help`");
        check("status -q -v", "error: `--quiet` does not go with `--verbose...`\nhint: `warren status --help`");
    }

    #[test]
    fn help_is_no_error() {
        for line in ["--help", "-h", "--version", "status --help", "agents"] {
            let parsed = Cli::read(std::iter::once("warren").chain(line.split_whitespace()).map(Into::into));
            assert_eq!(explain(&parsed.map(|_| ()).expect_err(line), &[]), None, "{line}");
        }
    }
}
