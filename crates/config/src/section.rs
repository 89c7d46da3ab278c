use std::fmt::Write as _;

/// One setting: what the reference table, the loader and the error messages know about it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Section it belongs to, for example `database`.
    pub section: &'static str,
    /// Its name inside the section, for example `max_connections`.
    pub name: &'static str,
    /// The Rust type as written.
    pub kind: &'static str,
    /// Names the field already knows (`DATABASE_URL`), weaker than the prefixed one.
    pub known_names: &'static [&'static str],
    /// The lines of its documentation.
    pub doc: &'static [&'static str],
}

/// Start of every variable that is ours.
pub(crate) const PREFIX: &str = "SWITCHBOARD__";

impl Field {
    /// `section.name`, the key inside a settings file.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `SWITCHBOARD__SECTION__NAME`.
    pub fn variable(&self) -> String {
        format!(
            "{PREFIX}{}__{}",
            self.section.to_uppercase(),
            self.name.to_uppercase()
        )
    }

    /// Whether the value is hidden wherever settings are printed.
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret"
    }

    /// Documentation as one line.
    pub fn description(&self) -> String {
        let mut text = String::new();
        for line in self.doc {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let gap = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{line}");
        }
        text
    }

    /// The names a person would set, best known first.
    pub(crate) fn variables(&self) -> String {
        let mut names: Vec<String> = self
            .known_names
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        names.push(self.variable());
        names.join(" or ")
    }
}

/// Defines one section: the struct, its defaults and its rows of the reference table, from one
/// text, so that none of the three can drift from the others.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])+
        $type_name:ident in $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[env($known:literal)])*
                $field:ident: $kind:ty = $default:expr,
            )+
        }
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $type_name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub $field: $kind,
            )+
        }

        impl Default for $type_name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $type_name {
            pub(crate) const DOC: &'static [&'static str] = &[$($section_doc),+];
            pub(crate) const FIELDS: &'static [$crate::section::Field] = &[
                $($crate::section::Field {
                    section: stringify!($section),
                    name: stringify!($field),
                    kind: stringify!($kind),
                    known_names: &[$($known),*],
                    doc: &[$($doc),+],
                },)+
            ];
        }
    };
}

/// Defines [`Settings`](crate::Settings) and the list of its sections.
macro_rules! settings {
    (
        $(#[doc = $settings_doc:literal])+
        { $($section:ident: $type_name:ident,)+ }
    ) => {
        $(#[doc = $settings_doc])+
        #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $(
                #[doc = concat!("See [`", stringify!($type_name), "`].")]
                pub $section: $type_name,
            )+
        }

        impl Settings {
            pub(crate) const SECTIONS: &'static [(
                &'static str,
                &'static [&'static str],
                &'static [$crate::section::Field],
            )] = &[$((stringify!($section), $type_name::DOC, $type_name::FIELDS),)+];

            /// Every setting there is, in the order of the reference table.
            pub fn fields() -> impl Iterator<Item = &'static $crate::section::Field> {
                Self::SECTIONS.iter().flat_map(|(_, _, fields)| fields.iter())
            }
        }
    };
}

pub(crate) use {section, settings};
