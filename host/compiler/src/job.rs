//! A parsed job, and the questions that more than one pass asks of it.

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{ChainElement, Expression, IdentifierReference, Program, Statement};
use oxc::semantic::{NodeId, Semantic};
use oxc::syntax::symbol::SymbolId;

use crate::globals::is_global;

pub(crate) struct Job<'a> {
    pub(crate) program: &'a Program<'a>,
    pub(crate) semantic: Semantic<'a>,
    /// The operations that the job can call by name.
    pub(crate) known: HashSet<&'a str>,
    pub(crate) purpose: Purpose,
}

/// What the source is written for; it decides what an unknown name is told to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A job's list of operations.
    Operations,
    /// A condition on an edge, which has no operations.
    Condition,
}

/// Where a chain of members and calls starts: `http` in `http.get('/').then(log)`.
#[derive(Clone, Copy)]
pub(crate) enum Root<'a> {
    /// A name that the job itself declares.
    Declared(SymbolId),
    /// A name that comes from outside, if it exists at all.
    Free(&'a str),
    /// No name: a literal, a function, `this`.
    Value,
}

impl<'a> Job<'a> {
    /// A module with a default export has its operations there: it went through a compiler already.
    pub(crate) fn is_compiled(&self) -> bool {
        self.program
            .body
            .iter()
            .any(|statement| matches!(statement, Statement::ExportDefaultDeclaration(_)))
    }

    pub(crate) fn source(&self) -> &'a str {
        self.program.source_text
    }

    pub(crate) fn root(&self, expression: &Expression<'a>) -> Root<'a> {
        let mut expression = expression;
        loop {
            expression = match expression.without_parentheses() {
                Expression::Identifier(identifier) => return self.resolve(identifier),
                Expression::CallExpression(call) => &call.callee,
                Expression::StaticMemberExpression(member) => &member.object,
                Expression::ComputedMemberExpression(member) => &member.object,
                Expression::PrivateFieldExpression(member) => &member.object,
                Expression::ChainExpression(chain) => match &chain.expression {
                    ChainElement::CallExpression(call) => &call.callee,
                    ChainElement::StaticMemberExpression(member) => &member.object,
                    ChainElement::ComputedMemberExpression(member) => &member.object,
                    _ => return Root::Value,
                },
                _ => return Root::Value,
            };
        }
    }

    fn resolve(&self, identifier: &IdentifierReference<'a>) -> Root<'a> {
        match self
            .semantic
            .scoping()
            .get_reference(identifier.reference_id())
            .symbol_id()
        {
            Some(symbol) => Root::Declared(symbol),
            None => Root::Free(identifier.name.as_str()),
        }
    }

    /// Whether it is told which members a name has.
    pub(crate) fn has_members(&self, namespace: &str) -> bool {
        let member = |name: &&str| {
            name.strip_prefix(namespace)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        self.known.iter().any(member)
    }

    /// A name of the language or the runtime, unless an operation has it.
    pub(crate) fn is_builtin(&self, name: &str) -> bool {
        is_global(name) && !self.known.contains(name)
    }

    /// Nodes around a node with their ids, the nearest first.
    pub(crate) fn around(&self, node: NodeId) -> impl Iterator<Item = AstKind<'a>> + Clone + '_ {
        self.semantic.nodes().ancestor_kinds(node)
    }
}
