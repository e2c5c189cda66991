"""What `attnlab lesson new` writes: a short lesson that works, with one of everything a teacher needs."""

ENGLISH = """+++
title = "A new lesson"
minutes = 15
audience = "anybody who can read a table"
objective = "say what one row of an attention map is"
models = ["bert"]
+++

# What is a row?

Every word of the sentence is a *query* once. Its row says how much it takes from each word, the *keys*:

$$ w_{ij} = \\mathrm{softmax}_j\\left(\\frac{q_i \\cdot k_j}{\\sqrt{d}}\\right) $$

The view below is the address of a page, copied out of the browser.

```view
heads?text=The+cat+sat+on+the+mat+because+it+was+tired.&layer=0&head=2
```

```predict
kind = "word"
question = "Which word does the row of 'sat' take most from?"
query = "sat"
```

```explain
The model gives [[answer = cat]] a weight of [[weight sat -> cat > 0.5]]. A number in double square brackets is the model's own,
and `attnlab lesson check` reports it when it no longer is.
```

```notes
Let them guess before you open it. Kinds of question: word, cell, row, choice, number, order, head, bet.
```

---

# The next step

Three dashes begin another step. A step needs no question.

```view
heads?text=The+cat+sat+on+the+mat+because+it+was+tired.&layer=3&head=1
```
"""

CHINESE = """+++
title = "一门新课程"
minutes = 15
audience = "会看表格的任何人"
objective = "说出注意力图中一行的含义"
models = ["bert"]
+++

# 一行是什么？

句子里的每个词都要当一次*查询*。它那一行说明它从每个词（即各个*键*）那里取多少：

$$ w_{ij} = \\mathrm{softmax}_j\\left(\\frac{q_i \\cdot k_j}{\\sqrt{d}}\\right) $$

下面的视图就是从浏览器地址栏复制来的页面地址。

```view
heads?text=The+cat+sat+on+the+mat+because+it+was+tired.&layer=0&head=2
```

```predict
kind = "word"
question = "“sat”这一行从哪个词取得最多？"
query = "sat"
```

```explain
模型给 [[answer = cat]] 的权重是 [[weight sat -> cat > 0.5]]。双层方括号里的数由模型算出；
一旦与模型不符，`attnlab lesson check` 就会指出来。
```

```notes
先让学生猜，再揭晓。题型有：word、cell、row、choice、number、order、head、bet。
```

---

# 下一个步骤

三个短横线另起一个步骤。步骤里不一定要有问题。

```view
heads?text=The+cat+sat+on+the+mat+because+it+was+tired.&layer=3&head=1
```
"""

TEMPLATES = {"en": ENGLISH, "zh": CHINESE}
