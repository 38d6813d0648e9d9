"""Remove code, addresses, tags and formulas from a text: they say nothing about its language."""

import re

_URL = r"(?:https?://|www\.)[^\s\u3000-\u9fff\uac00-\ud7a3\uff00-\uffef]+"
_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
_SHORT = r"\"[^\"\n\s]*(?:\s[^\"\n\s]+){0,2}\""  # a string of up to three words

_CODE = re.compile(
    rf"""
    ```.*?(?:```|\Z) | `[^`\n]*`            # marked as code
    | {_URL} | [\w.+-]{{1,64}}@[\w.-]{{3,255}} # addresses
    | </?\w[^>\n]{{0,255}}>                   # tags
    | \\(?:begin|end|documentclass|usepackage|label|ref|cite)\{{[^}}\n]{{0,99}}\}} | \\[a-zA-Z]+
    # lines of code: a keyword and its brackets, or a call, an assignment or a block
    | ^[ \t]*(?:def|class|for|if|elif|while|return|print|function|const|let|var|public|void|int
        |\#include)\b[^\n]*(?:[{{}}=]|\w\(|\):|[ ][+*/%][ ]|;$)[^\n]*$
    | ^[ \t]*(?:import|from[ ]\S+[ ]import)[ ]\w[\w.]*(?:[ ]as[ ]\w+)?;?$
    | ^[ \t]*{_NAME}(?:\[[^\]\n]*\])?[ ]?[-+*/]?=[ ]?[^\n]*[\])}};\w"']$
    | ^[ \t]*{_NAME}!?\([^\n]*\);?$ | ^\[[\w."-]+\]$ | ^(?:[^\n]*\{{|[ \t]*\}}[^\n]*)$
    | (?<!\w)[a-zA-Z][ ]?[=+/^<>]{{1,2}}[ ]?[\w.]+ # formulas
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_STATEMENT = re.compile(  # SQL
    r"""
    ^[ \t]*(?:
        (?: SELECT\b(?=[^;]{0,999}?\bFROM\b) | INSERT[ ]INTO\b | UPDATE\b(?=[^;]{0,999}?\bSET\b)
          | DELETE[ ]FROM\b | MERGE[ ]INTO\b | WITH[ ]\w+[ ]AS[ ]?\( | GRANT\b(?=[^;]{0,99}?\bTO\b)
          | (?:CREATE|ALTER|DROP|TRUNCATE)[ ](?:OR[ ]REPLACE[ ]|UNIQUE[ ]|TEMPORARY[ ])?
            (?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|USER|FUNCTION|TRIGGER|SEQUENCE)\b
        ) [^;]*?(?:;|\n[ \t]*\n|\Z)
      | (?: select\b(?=[^;]{0,999}?\bfrom\b) | insert[ ]into\b | update\b(?=[^;]{0,999}?\bset\b)
          | delete[ ]from\b | (?:create|alter|drop)[ ](?:table|index|view|database)\b
        ) (?=[^;]{0,999}?[*=(,]) [^;.]*;
    )
    """,
    re.VERBOSE | re.MULTILINE,
)
_JSON = re.compile(
    rf"""
    "[^"\n]{{0,99}}"[ \t]*:\s*(?=["\d\[{{tfn-])
      (?:{_SHORT}(?=\s*[,}}\]\n]|\s*\Z)|(?:true|false|null)\b)?
    | (?<=[\[,])\s*{_SHORT}(?=\s*[,\]])
    """,
    re.VERBOSE,
)
_KEYS = re.compile(  # YAML, TOML, CSS: two lines or more of a key and a short value, or of items
    r"""
    (?:^[ \t]*(?:-[ \t]+)?[a-z_][\w./-]*:
       (?:[ \t]+(?:"[^"\n]*"|'[^'\n]*'|[^\s#]+(?:[ \t]+[^\s#]+)?)?)?[ \t;]*(?:\#[^\n]*)?(?:\n|\Z)
      |^[ \t]*-[ \t]+\S+[ \t]*(?:\n|\Z)
      |^---[ \t]*\n
    ){2,}
    """,
    re.VERBOSE | re.MULTILINE | re.ASCII,
)
_COMMAND = re.compile(  # a line of a shell
    r"""
    ^[ \t]*(?:[$#>%][ ])?(?:sudo[ ])?(?:[A-Z_]+=\S*[ ])*(?:
        [a-z][\w.-]*(?:[ ][^\n]*)?[ ](?:&&|\|\||\||>>?|2>&1)(?:[ ][^\n]*)?
      | [a-z][\w.-]*(?:[ ]\S+){0,3}[ ](?:-[A-Za-z]{1,2}|--[a-z][\w-]*)(?:[ =][^\n]*)?
      | (?:\.{0,2}|~)/[\w./-]+(?:[ ][^\n]*)?
      | (?:git|npm|npx|yarn|pnpm|pip3?|uv|docker|docker-compose|kubectl|apt|apt-get|yum|brew|conda
          |cargo|go|helm|terraform|systemctl|poetry|dotnet|mvn|gem|composer)
        [ ](?:install|uninstall|add|run|start|stop|build|push|pull|commit|clone|checkout|switch|init
          |status|get|apply|exec|test|update|upgrade|remove|merge|rebase|log|diff|branch|create
          |delete|compose|config|fetch|ps|logs|describe|scale|set|list|deploy|up|down|restart|enable
          |disable|reload|publish|ci|dev|search|show|stash|reset|tag|remote|plan|images|new|check)
        (?:[ ][^\n]*)?(?<![.!?])
      | (?:cd|ls|mkdir|rmdir|rm|cp|mv|chmod|chown|grep|ssh|scp|tar|curl|wget|unzip|python3?|pytest)
        (?:[ ]\S+){1,3}(?<![.!?])
      | (?:make|source|node|touch|cat)[ ]\S+(?<![.!?]) | echo[ ]["'$][^\n]* | export[ ]\w+=[^\n]*
      | (?:for|while|until)[ ][^\n]*;[ ]?do\b[^\n]* | if[ ]\[[ ][^\n]*
      | (?:FROM|RUN|COPY|CMD|ENV|EXPOSE|WORKDIR|ENTRYPOINT)[ ][\["a-z/.][^\n]*
    )$
    """,
    re.VERBOSE | re.MULTILINE | re.ASCII,
)
_SIGN = re.compile(r"[`@<>\\={}()\[^+/\"]|http|www\.|^\s*(?:import|from) ", re.MULTILINE)


def without_code(text: str) -> str:
    """Return a text with a space in place of code, addresses, tags and formulas.

    Code is what stands in back quotes, and lines that look like it: of programs, SQL, JSON, YAML,
    shells. Strings of JSON that are longer than three words stay.
    """
    for pattern in (_STATEMENT, _KEYS, _COMMAND):
        text = pattern.sub(" \n", text)
    if not _SIGN.search(text):
        return text
    if '"' in text:
        text = _JSON.sub(" ", text)
    return _CODE.sub(" ", text)
