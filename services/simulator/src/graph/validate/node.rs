//! A JSON value that knows its path, for errors that name the field.

use serde_json::Value;

use crate::graph::error::GraphError;

/// One value of a request.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    pub(crate) const fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value,
        }
    }

    pub(crate) const fn value(&self) -> &'a Value {
        self.value
    }

    pub(crate) fn invalid(&self, rule: &str) -> GraphError {
        GraphError::invalid(&self.path, rule)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// A member, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self {
            path: self.path_of(key),
            value,
        })
    }

    /// A member that must be there.
    pub(crate) fn need(&self, key: &str) -> Result<Self, GraphError> {
        self.get(key)
            .ok_or_else(|| GraphError::missing(&self.path_of(key)))
    }

    /// A member that must not be there.
    pub(crate) fn forbid(&self, key: &str, why: &str) -> Result<(), GraphError> {
        match self.get(key) {
            Some(found) => Err(found.invalid(why)),
            None => Ok(()),
        }
    }

    /// This value as text.
    pub(crate) fn text(&self) -> Result<&'a str, GraphError> {
        self.value
            .as_str()
            .ok_or_else(|| self.invalid("must be a string"))
    }

    /// A required text of 1 to `max` characters.
    pub(crate) fn need_text(&self, key: &str, max: usize) -> Result<&'a str, GraphError> {
        let node = self.need(key)?;
        let text = node.text()?;
        if text.is_empty() {
            return Err(GraphError::missing(&node.path));
        }
        node.at_most(text, max)
    }

    /// An optional text of at most `max` characters.
    pub(crate) fn get_text(&self, key: &str, max: usize) -> Result<Option<&'a str>, GraphError> {
        match self.get(key) {
            Some(node) => Ok(Some(node.at_most(node.text()?, max)?)),
            None => Ok(None),
        }
    }

    fn at_most(&self, text: &'a str, max: usize) -> Result<&'a str, GraphError> {
        if text.chars().count() > max {
            return Err(self.invalid(&format!("must be at most {max} characters long")));
        }
        Ok(text)
    }

    /// A required array of `min` to `max` elements.
    pub(crate) fn need_list(
        &self,
        key: &str,
        min: usize,
        max: usize,
    ) -> Result<Vec<Self>, GraphError> {
        let node = self.need(key)?;
        let items = node.items()?;
        if items.len() < min || items.len() > max {
            return Err(node.invalid(&format!("must have {min} to {max} elements")));
        }
        Ok(items)
    }

    /// This value's elements.
    pub(crate) fn items(&self) -> Result<Vec<Self>, GraphError> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.invalid("must be an array"))?;
        let items = items.iter().enumerate().map(|(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
        });
        Ok(items.collect())
    }

    /// A required number, or text that is one.
    pub(crate) fn need_number(&self, key: &str) -> Result<f64, GraphError> {
        let node = self.need(key)?;
        let number = node
            .value
            .as_f64()
            .or_else(|| node.value.as_str()?.trim().parse().ok());
        number.ok_or_else(|| node.invalid("must be a number"))
    }
}
