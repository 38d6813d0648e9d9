"""English prompts that make no sense in another language, by readable rules.

Such prompts depend on the English words themselves (grammar, rhymes, letters, word classes), ask
for a translation, or contain code that has to stay. They are excluded from translation: translated,
the input of a grammar exercise is its own answer (tloen/alpaca-lora#180). A poem or a list of
synonyms is not one of them: both can be asked for in any language.
"""

import re
from collections.abc import Mapping

_THIS = r"(?:the|this|these|following|given|below|any|input|\s)*"

UNTRANSLATABLE: Mapping[str, str] = {
    "translation": r"""
        \btranslat(?:e|es|ing|ed)\b
            (?!.{0,80}\b(?:equation|expression|formula|code|logic|natural\s+language)\b)
      | \bhow\s+(?:do|would|to)\s+(?:you\s+|i\s+|we\s+)?say\b.{0,80}\bin\s+[a-z]+\b
      | \b(?:convert|change|rewrite|put)\b.{0,60}\b(?:in)?to\s+(?:Spanish|French|German|Italian
            |Japanese|Chinese|Russian|Latin|Portuguese|Korean|Arabic|Hindi)\b(?!\s+numeral)
    """,
    "grammar": rf"""
        \bgrammatical(?:ly)?\b | \bungrammatical\b
      | \bgrammar\b.{{0,60}}\b(?:sentence|text|paragraph|phrase|passage|errors?|mistakes?)
      | \b(?:sentence|text|paragraph|phrase|passage)\b.{{0,60}}\bgrammar\b
      | \b(?:misspell|mispell|typos?\b|proofread\s+{_THIS}\b(?:sentence|text|paragraph|passage))
      | \b(?:spelling|punctuation)\s+(?:mistake|error)
      | \bpunctuat\w+\b.{{0,60}}\b(?:sentence|text|paragraph|phrase|quote)
      | \b(?:sentence|text|paragraph|phrase|quote)\b.{{0,60}}\bpunctuat
      | \b(?:correct|fix|edit|identify|find|spot|revise|detect)\b.{{0,40}}\b(?:errors?|mistakes?)\b
            .{{0,30}}\b(?:sentence|text|paragraph|phrase|passage|word)
      | \b(?:correct|fix|amend)\s+{_THIS}\b(?:sentence|phrase|spelling|capitali[sz]ation|verb)\b
      | \b(?:insert|add|put|place)\b.{{0,30}}\b(?:commas?|apostrophes?|semicolons?|hyphens?)\b
      | \b(?:complete|fill)\b.{{0,60}}\b(?:correct|right|appropriate)\s+(?:form|verb|preposition
            |conjunction|pronoun|article|tense)
    """,
    "language": r"""
        \b(?:past|present|future|perfect|continuous|progressive|verb)\s+(?:\w+\s+)?tenses?\b
      | \btense\s+of\b | \b(?:passive|active)\s+voice\b | \bparts?\s+of\s+speech\b
      | \b(?:in)?direct\s+(?:speech|object)\b | \breported\s+speech\b
      | \b(?:in|to|into|from)\s+(?:the\s+)?(?:first|second|third)[\s-]+person\b
      | \b(?:homonyms?|homophones?|conjugat\w+|morphemes?|participles?|gerunds?)\b
      | \b(?:identify|find|highlight|underline|label|classify|determine|extract|remove|replace
            |change|convert|select|point\s+out|tell|what)\b.{0,40}
            \b(?:nouns?|verbs?|adjectives?|adverbs?|pronouns?|prepositions?|conjunctions?|predicate
            |clauses?|subject\s+and)\b.{0,40}\b(?:sentence|phrase|text|paragraph|following)
      | \b(?:singular|plural|comparative|superlative)\s+(?:form|noun|of)\b | \bpluraliz
      | \brun-?on\s+sentence | \bsentence\s+fragments?\b
      | \b(?:rearrange|reorder|unscramble|reorgani[sz]e)\b.{0,40}\b(?:words?|letters?|sentence)\b
      | \b(?:prefix|suffix)(?:es)?\b.{0,40}\bwords?\b | \bwords?\b.{0,40}\b(?:prefix|suffix)
      | \b(?:to|into|in)\s+(?:American|British|Old|Shakespearean)\s+English\b
    """,
    "wordplay": r"""
        (?<!nursery\ )\brhym(?:e|es|ed|ing)\b | \banagrams?\b | \bpalindrom\w+ | \bpuns?\b
      | \btongue[\s-]twister
      | \bacrostic | \bacronyms?\b | \balliterat\w+ | \bonomatop\w+ | \bportmanteau | \bspoonerism
      | \bword\s*play | \bplay\s+on\s+words | \bpig\s+latin\b | \bword\s+(?:scramble|ladder)s?\b
      | \bcrossword\b | \bknock[\s-]knock\b | \bwords?\s+that\s+sound\b
    """,
    "spelling": r"""
        \b(?:how|correct)\b.{0,20}\bspell(?:ed|ing)?\b | \bspell(?:s|ed)?\s+(?:out\s+)?
            (?:the|this|it)\b
      | \b(?:starts?|starting|begins?|beginning|ends?|ending)\s+(?:in|with|by)\s+
            (?:the\s+)?(?:same\s+)?(?:letters?\b|(?-i:['"“‘]?[A-Z]['"”’]?(?![\w'’])))
      | \b(?:vowels?|consonants?)\b | \balphabeti[czs]\w*
      | \bletters?\s+of\s+the\s+(?:word|alphabet)
      | \b(?:count|how\s+many|number\s+of)\s+(?:the\s+)?(?:number\s+of\s+)?
            (?:letters|characters|words|syllables)\b.{0,40}\b(?:in|of|are)\b
      | \b\d+[\s-]letter\s+words?\b | \b(?:to|in|into|all)\s+(?:upper|lower)[\s-]?case\b
      | \breverse\s+(?:the\s+)?(?:string|word|letters|sentence|phrase|order\s+of\s+the\s+words)
      | \bwithout\s+(?:using\s+)?the\s+letter\b
      | (?-i:\bletter[ ](?:['"“‘][a-zA-Z]['"”’]|[B-HJ-Z]\b))
    """,
    "code": r"""
        ```
      | ^\s*(?-i:def\s+\w+\(|class\s+\w+.*[:{]\s*$|import\s+\w+\s*$|from\s+\w+\s+import|\#include
            |public\s+(?:class|static)|function\b.*\{|SELECT\s.+\sFROM\b|<\?php|<!DOCTYPE
            |</?(?:html|head|body|div|p|h[1-6]|ul|table|script)\b[^>\n]*>
            |console\.log|(?:var|let|const|int|float|double|char)\s+\w+\s*=|print\s*\(
            |(?:for|while|if)\s*\(.*\)\s*\{?\s*$|for\s+\w+\s+in\s.*:\s*$)
      | ^\s*\w+\s*=\s*[\[{(].*[\]})]\s*;?\s*$
      | \b(?:debug|refactor|optimi[sz]e|fix|edit|rewrite|modify|explain|improve)\b.{0,40}
            \b(?:code|function|script|query|snippet)\b[^\n]*\n.*[;{}=<>]
    """,
}
"""Regular expressions by the reason that they show; the first match gives the reason."""

_PATTERNS = {
    reason: re.compile(pattern, re.VERBOSE | re.MULTILINE | re.IGNORECASE)
    for reason, pattern in UNTRANSLATABLE.items()
}


def untranslatable(text: str) -> str | None:
    """Return why an English prompt is not to be translated: a key of `UNTRANSLATABLE`, or None."""
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(text)), None)
