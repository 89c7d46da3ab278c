/// The place a secret belongs to. It is authenticated with the secret, so that a sealed value
/// copied to another row, column, table or organization does not open there.
///
/// Give ids in one form for ever, best the 16 bytes of the UUID (`id.as_bytes()`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Table name.
    pub table: &'a str,
    /// Column name.
    pub column: &'a str,
    /// The organization the row belongs to.
    pub organization_id: &'a [u8],
    /// The key of the row.
    pub row_id: &'a [u8],
}

impl Binding<'_> {
    /// The associated data of one layer. Each part is preceded by its length: no two different
    /// bindings have the same bytes.
    pub(crate) fn associated_data(&self, layer: &str, key_id: &str) -> Vec<u8> {
        let parts: [&[u8]; 6] = [
            layer.as_bytes(),
            key_id.as_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.organization_id,
            self.row_id,
        ];
        let mut data = Vec::new();
        for part in parts {
            // A length is at most 64 bits wide, so this loses nothing.
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_character_between_parts_changes_the_bytes() {
        let one = Binding {
            table: "ab",
            column: "c",
            organization_id: b"o",
            row_id: b"r",
        };
        let other = Binding {
            table: "a",
            column: "bc",
            ..one
        };
        assert_ne!(
            one.associated_data("layer", "k"),
            other.associated_data("layer", "k")
        );
    }
}
