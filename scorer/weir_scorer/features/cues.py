"""Words by what they say about a request, in nine languages: the lexical columns count them. Pure.

Languages: English, German, French, Spanish, Russian, Chinese, Japanese, Arabic, Hindi. Scripts
that write no spaces are searched for the words; the others are split into them.
"""

# Column = how many of these words, in any case. One word may stand in several groups.
WORDS: dict[str, str] = {
    "fact_words": (
        "who what when where which whose whom wer was wann wo welche welcher welches wem qui "
        "quoi quand où quel quelle quels quelles quién qué cuándo dónde cuál cuáles cuántos "
        "cuántas кто что когда где какой какая какое какие сколько من ما متى أين كم ماذا कौन "
        "क्या कब कहाँ कितने कितना"
    ),
    "reason_words": (
        "why how explain describe discuss compare contrast analyze analyse evaluate assess "
        "justify warum wieso weshalb wie erkläre erklären beschreibe vergleiche analysiere "
        "bewerte begründe beurteile diskutiere pourquoi comment explique expliquez décrivez "
        "comparez analysez évaluez justifiez discutez cómo explica compara analiza analice "
        "evalúa evalúe justifica justifique discute почему зачем как объясни объясните опиши "
        "опишите сравни сравните проанализируйте оцени оцените обоснуй обоснуйте لماذا كيف "
        "اشرح فسر قارن حلل ناقش علل क्यों कैसे समझाइए समझाओ वर्णन तुलना विश्लेषण"
    ),
    "solve_words": (
        "prove derive solve calculate compute determine find show estimate simplify integrate "
        "refute disprove construct beweise beweisen zeige zeigen löse berechne berechnen "
        "bestimme bestimmen leite widerlege konstruiere prouvez prouve démontrez démontrer "
        "montrez résolvez calculez calcule déterminez réfutez construisez demuestra demuestre "
        "demostrar prueba resuelve resuelva calcula determina deduzca refuta construye докажи "
        "докажите реши решите вычисли вычислите найди найдите определите выведи выведите "
        "опровергни постройте أثبت برهن احسب حل أوجد استنتج حدد सिद्ध साबित हल ज्ञात गणना "
        "निकालिए"
    ),
    "write_words": (
        "write create generate compose draft design implement build make code program develop "
        "schreibe schreib verfasse erstelle entwirf implementiere entwickle programmiere "
        "écris écrivez rédige rédigez créez concevez implémentez escribe escriba redacta crea "
        "diseña implementa implemente напиши напишите создай составь составьте реализуй "
        "реализуйте спроектируй разработай اكتب صمم أنشئ نفذ लिखिए लिखो लिखें बनाइए बनाओ"
    ),
    "rework_words": (
        "translate summarize summarise rewrite paraphrase correct fix convert extract list "
        "repeat übersetze fasse zusammen korrigiere nenne wiederhole traduis traduisez résume "
        "résumez corrige corrigez répète traduce traduzca resume resuma repite переведи "
        "переведите перескажи исправь исправьте назови назовите повтори ترجم لخص صحح كرر اذكر "
        "अनुवाद सारांश सुधारिए दोहराइए बताइए"
    ),
    "limit_words": (
        "must should only exactly least most without except every each all none muss soll nur "
        "genau mindestens höchstens ohne außer jede jeder alle doit seulement exactement "
        "moins sans sauf chaque tous debe solo exactamente menos sin excepto cada todos todas "
        "должен только ровно минимум без кроме каждый все любого يجب فقط بدون كل بالضبط केवल "
        "बिना प्रत्येक सभी"
    ),
    "negations": (
        "not no never neither nor cannot false incorrect nicht kein keine nie weder falsch ne "
        "pas jamais ni aucun faux nunca tampoco ningún falso не нет никогда ни неверно لا لم "
        "لن ليس नहीं मत"
    ),
    "condition_words": (
        "if then suppose assume given let when unless such where wenn falls dann angenommen "
        "sei gegeben si alors supposons soit donné sea dado supongamos entonces если то пусть "
        "предположим дано إذا لتكن ليكن بفرض यदि तो मान"
    ),
    "link_words": (
        "because therefore however although thus hence since while but weil deshalb jedoch "
        "obwohl aber parce donc cependant mais porque aunque pero потому поэтому однако хотя "
        "но لأن لكن क्योंकि लेकिन"
    ),
    "person_words": (
        "i me my you your we our us ich mich mein du sie wir je moi mon vous nous tu yo mi "
        "nosotros я мне мой вы мы أنا نحن मैं मेरा आप हम"
    ),
    "courtesy_words": (
        "thanks thank please hello hi hey bye ok okay great cool nice sure yes welcome sorry "
        "danke bitte hallo tschüss super prima ja genau merci bonjour salut svp oui parfait "
        "gracias hola favor vale adiós sí perfecto спасибо привет пожалуйста здравствуйте "
        "пока да ладно شكرا شكراً مرحبا نعم حسنا धन्यवाद नमस्ते कृपया हाँ ठीक"
    ),
    "pointing_words": (
        "above below following text passage email mail code snippet document article context "
        "log table obigen folgenden oben unten abschnitt dokument ci-dessus suivant extrait "
        "texte courriel anterior siguiente texto correo documento выше ниже следующий текст "
        "письмо النص أعلاه التالي ऊपर निम्नलिखित पाठ"
    ),
    "code_words": (
        "def class return import function var const public void int string select from print "
        "async struct template lambda null try except throw"
    ),
    "science_words": (
        "function equation velocity mass energy probability matrix integer polynomial "
        "electron molecule acid temperature pressure reaction theorem vector proof lemma "
        "prime group ring field topology convergence complexity algorithm distribution "
        "variance derivative integral beweis satz wahrscheinlichkeit gleichung gruppe "
        "algorithmus théorème équation probabilité algorithme teorema ecuación probabilidad "
        "algoritmo теорема уравнение вероятность матрица алгоритм функция نظرية معادلة احتمال "
        "مصفوفة प्रमेय समीकरण प्रायिकता"
    ),
}

# The same groups in scripts without spaces: Chinese and Japanese.
PARTS: dict[str, str] = {
    "fact_words": "谁 什么 何时 哪里 哪个 哪 几 多少 誰 何 いつ どこ どの どれ いくつ",
    "reason_words": (
        "为什么 为何 如何 怎么 解释 说明 比较 分析 评价 论述 なぜ どうして どのように 説明 "
        "比較 評価 論じ"
    ),
    "solve_words": (
        "证明 求 计算 推导 解方程 反驳 构造 判断 証明 求め 計算 導出 解け 反証 構成 示せ 示して"
    ),
    "write_words": "写 编写 设计 实现 创作 起草 書い 作成 設計 実装 作って",
    "rework_words": "翻译 总结 改写 概括 修改 列出 重复 翻訳 要約 訳し 直して 挙げ 繰り返",
    "limit_words": (
        "必须 只 恰好 至少 至多 每个 所有 任意 必ず だけ ちょうど 少なくとも 以下 以内 すべて"
    ),
    "negations": "不 没有 非 无 ない 不可 ません",
    "condition_words": "如果 若 设 假设 给定 もし ならば とする 仮定",
    "link_words": "因为 所以 但是 然而 虽然 しかし だから ので",
    "person_words": "我 你 您 我们 私 あなた 僕",
    "courtesy_words": "谢谢 请 你好 好的 再见 ありがとう ください こんにちは お願い さようなら",
    "pointing_words": "上面 下面 以下 上述 文中 邮件 代码 本文 上の 次の 文章 メール コード",
    "science_words": (
        "定理 函数 方程 概率 矩阵 算法 群 収束 复杂度 関数 方程式 確率 行列 アルゴリズム"
    ),
    "following_words": (
        "为什么 为何 怎么 继续 那 它 这 呢 再 还有 更 なぜ それ これ もっと 続け では じゃあ "
        "他に どうして さらに"
    ),
}

# First words of a turn that asks on about what was said before.
FOLLOWING = (
    "why how that so and but or also more again continue further next then go yes really example "
    "examples shorter longer simpler elaborate warum wieso wie und aber oder auch mehr nochmal "
    "weiter ja genauer kürzer beispiel pourquoi comment et mais ou aussi plus encore continue oui "
    "exemple por cómo y pero o también más otra continúa sigue sí ejemplo почему как и но или ещё "
    "еще больше продолжай дальше да пример لماذا كيف و لكن أيضا المزيد أكمل نعم مثال क्यों कैसे "
    "और लेकिन फिर आगे हाँ उदाहरण"
)
# Words that point at what was said before, anywhere in a short turn.
POINTING_BACK = (
    "it its this these those they them same instead former latter dies das dieser diese "
    "dieses davon dafür dazu darin stattdessen cela ça celui celle ceux eso esto esa ese "
    "mismo это этого этот эта эти они её их тоже هذا هذه ذلك تلك यह वह इसका उसका इसे उसे"
)
# Words that a turn without a request may have beside courtesies.
CLOSING = (
    "a very much so for your the that this is was all it now have good nice day night evening see "
    "you later then and got works perfect excellent awesome lot many help helps helped just what "
    "needed i me vielen sehr das war hat geholfen für die hilfe alles gut tag noch schönen auf "
    "wiedersehen beaucoup pour votre ton aide c est tout bonne journée muchas por su tu ayuda es "
    "todo buen día большое за помощь это всё всем хорошего дня جزيلا لك على المساعدة बहुत आपका मदद "
    "के लिए"
)
# First words of a turn that lets what was offered go on.
ACCEPTING = "yes sure ja oui sí да نعم हाँ"
